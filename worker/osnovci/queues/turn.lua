-- One turn of a worker: ends jobs, promotes what is due, and takes the next. One round trip.
--
-- ARGV  2  the worker      3  a name for this turn's executions      4  lease, ms
--       5  how many jobs to take      6  the queue to look at first, counted from 1
--       7  JSON: [[queue, keep completed, keep failed, paused, most active, rate, window ms], ...]
--       8  JSON: [{id, execution, queue, kind, started, ended, ...}, ...]: jobs that ended here;
--          one of an unknown queue has none
--          kind completed: value · failed: error · retry: error, wait (ms), left, intervals
--          kind lost: error (its process died) · back (taken, not begun)
--       9  how many of the jobs taken begin at once; the others wait in the worker
--       10 how many jobs the worker knows to hold, without those that end here
--       11 1: it stands in Redis behind a BLMOVE, to take a job in the moment it comes
-- Returns [how many there was room for, ms until something is due or -1, [execution, ...] that were
--       not ours to end, [queue, ...] paused or at a limit, [[id, execution, queue, FIELDS...], ...]
--       the jobs taken, [[queue, why a key of it cannot be read], ...]]
--
-- Whoever is in PREFIXheld:WORKER may end a job: a worker whose lease was lost no longer is.

local worker, turn, want = ARGV[2], ARGV[3], tonumber(ARGV[5])
local queues, ended = cjson.decode(ARGV[7]), cjson.decode(ARGV[8])
local held = P .. 'held:' .. worker
local FIELDS = {'data', 'timeout', 'retries_left', 'retry_intervals', 'success_callback_name',
  'failure_callback_name', 'enqueued_at', 'status', 'doubted'}

-- 'The job was set aside: its id is not UTF-8 text.', as rq keeps it: base64 of zlib.
local NO_TEXT = 'eJwLyUhVyMpPUihPLFYoTi1RSCzOTEm1UsgsKVbITFHILFbIyy9RCA1x07VQKEmtKNEDAJD2EAU='

local keep = {}
for _, q in ipairs(queues) do keep[q[1]] = {completed = q[2], failed = q[3]} end

local function repeat_later(id, queue, left, intervals)
  local waits = intervals and cjson.decode(intervals) or {0}
  if #waits > 1 then
    call('HSET', job_key(id), 'repeat_intervals', cjson.encode({unpack(waits, 2)}))
  end
  call('HSET', job_key(id), 'repeats_left', left - 1)
  if waits[1] == 0 then push(id, queue) else schedule(id, queue, now + waits[1]) end
end

local function complete(e)
  local key = job_key(e.id)
  local f = call('HMGET', key, 'result_ttl', 'repeats_left', 'repeat_intervals')
  call('HSET', key, 'status', 'finished', 'ended_at', NOW)
  count(e.queue, 'completed')
  free_dependents(e.id)
  if f[1] ~= '0' then record(e.id, 1, e, 'return_value', e.value) end
  if tonumber(f[2] or 0) > 0 then return repeat_later(e.id, e.queue, tonumber(f[2]), f[3]) end
  if f[1] == '0' then return forget(e.id) end
  archive(e.id, 'rq:finished:' .. e.queue, f[1])
  trim('rq:finished:' .. e.queue, keep[e.queue].completed)
end

local function run_again(e)
  local key = job_key(e.id)
  call('HSET', key, 'retries_left', e.left, 'ended_at', NOW)
  -- what a retry by hand gives it anew: its own number, or what its queue says then
  call('HSETNX', key, 'retries_given', e.intervals and 'by the queue' or e.left + 1)
  if e.intervals then call('HSET', key, 'retry_intervals', e.intervals) end
  record(e.id, 4, e, 'exc_string', e.error)
  count(e.queue, 'retried')
  if e.wait > 0 then return schedule(e.id, e.queue, now + e.wait / 1000) end
  local f = call('HMGET', key, 'enqueue_at_front_on_retry', 'priority')
  push(e.id, e.queue, f[1] == '1', f[2])
end

local ends = {
  completed = complete,
  retry = run_again,
  failed = function(e) fail(e.id, e.queue, e, e.error, keep[e.queue].failed) end,
  lost = function(e) lose(e.id, e.queue, e, e.error, keep[e.queue].failed) end,
  back = function(e) push(e.id, e.queue, true, call('HGET', job_key(e.id), 'priority')) end,
}

local completed, unsuccessful = 0, 0

local function finish(e, member)
  local f = call('HMGET', job_key(e.id), 'status', 'execution', 'origin')
  e.queue = e.queue or f[3]
  if e.queue then call('ZREM', 'rq:wip:' .. e.queue, member) end
  if f[1] ~= 'started' or f[2] ~= e.execution then return end
  if e.kind == 'completed' then
    completed = completed + 1
  elseif e.kind ~= 'back' then
    unsuccessful = unsuccessful + 1
  end
  ends[e.kind](e)
end

-- One job's broken keys do not hold up the others; the audit mends what is left.
local function complain(id, why)
  if why then redis.log(redis.LOG_WARNING, 'osnovci: job ' .. id .. ': ' .. why) end
end

local late = {}
for _, e in ipairs(ended) do
  local member = e.id .. ':' .. e.execution
  e.worker = worker
  if call('SREM', held, member) == 0 then
    late[#late + 1] = e.execution
  else
    local _, why = try(finish, e, member)
    complain(e.id, why)
  end
end

-- Moves what is due to where it waits; gives the seconds until the next one, or nil.
local function promote(queue)
  local key = 'rq:scheduled:' .. queue
  local first = call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if not first[1] then return nil end
  if tonumber(first[2]) > now then return tonumber(first[2]) - now end
  for _, id in ipairs(call('ZRANGEBYSCORE', key, '-inf', score(now), 'LIMIT', 0, 500)) do
    call('ZREM', key, id)
    local _, why = try(function()
      local f = call('HMGET', job_key(id), 'status', 'enqueue_at_front', 'priority')
      if f[1] == 'scheduled' then push(id, queue, f[2] == '1', f[3]) end
    end)
    complain(id, why)
  end
  first = call('ZRANGE', key, 0, 0, 'WITHSCORES')
  return first[1] and math.max(tonumber(first[2]) - now, 0)
end

local function pop(queue)
  local key = P .. 'priority:' .. queue
  local first = call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if first[1] and tonumber(first[2]) < 5 * 2 ^ 40 then return call('ZPOPMIN', key)[1] end
  return call('LPOP', 'rq:queue:' .. queue) or (first[1] and call('ZPOPMIN', key)[1])
end

local taken, slots = {}, tonumber(ARGV[9])

-- What another turn of this worker has taken, and its reply not told yet, leaves less room.
local unknown = math.max(call('SCARD', held) - tonumber(ARGV[10]), 0)
want, slots = math.max(want - unknown, 0), slots - unknown
-- Whoever sent a standing turn may be gone: it takes nothing that a lease would not return.
if ARGV[11] == '1' and tonumber(call('ZSCORE', P .. 'leases', worker) or 0) <= now * 1000 then want = 0 end

-- Whether bytes are UTF-8: a worker could not name any other job in what it tells.
local function is_text(id)
  if not string.find(id, '[\128-\255]') then return true end
  for _, form in ipairs({'[\194-\223][\128-\191]', '\224[\160-\191][\128-\191]', '\237[\128-\159][\128-\191]',
      '[\225-\236\238\239][\128-\191][\128-\191]', '\240[\144-\191][\128-\191][\128-\191]',
      '[\241-\243][\128-\191][\128-\191][\128-\191]', '\244[\128-\143][\128-\191][\128-\191]'}) do
    id = string.gsub(id, form, '?')
  end
  return not string.find(id, '[\128-\255]')
end

-- Gives whether the job was started; nil where it went back, to be taken when it can begin at once.
local function start(id, queue)
  local f = call('HMGET', job_key(id), unpack(FIELDS))
  if f[8] ~= 'queued' or not f[1] then return false end
  if not is_text(id) then
    fail(id, queue, {worker = worker, execution = turn}, NO_TEXT, keep[queue].failed)
    return false
  end
  local waits = #taken >= slots
  if waits and f[9] then
    push(id, queue, true, call('HGET', job_key(id), 'priority'))
    return nil
  end
  local execution = turn .. '-' .. #taken + 1 .. (waits and 'w' or '')
  local member = id .. ':' .. execution
  call('HSET', job_key(id), 'status', 'started', 'started_at', NOW, 'last_heartbeat', NOW,
    'worker_name', worker, 'execution', execution)
  call('PERSIST', job_key(id))
  local timeout = tonumber(f[2] or '') or 86400
  if timeout ~= timeout then timeout = 86400 end  -- nan: the worker sets the job aside
  call('ZADD', 'rq:wip:' .. queue, timeout < 0 and '+inf' or score(now + timeout + 86400), member)
  call('SADD', held, member)
  taken[#taken + 1] = {id, execution, queue, unpack(f)}
  return true
end

-- What a queue's rate says: how many more jobs may start, how to note those that did, and in how many
-- seconds the next may. Each start counts for a whole window. PREFIXstarts:Q has their running number,
-- scored by the microsecond at which the starts up to it leave; those of one thousandth of a window
-- leave together at its end, which bounds the set.
local function rate_of(q)
  local key, limit, window, grain = P .. 'starts:' .. q[1], q[6], q[7] * 1000, q[7]
  local micros = clock[1] * 1e6 + clock[2]
  local last = call('ZRANGE', key, -1, -1, 'WITHSCORES')
  local left = call('ZRANGE', key, micros, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1, 'WITHSCORES')
  local number = tonumber(last[1] or 0)
  local function note(n)
    if n == 0 then return end
    local leaves = math.max(math.ceil((micros + window) / grain) * grain, tonumber(last[2] or 0))
    if left[1] then call('ZREMRANGEBYSCORE', key, '-inf', '(' .. left[2]) end
    call('ZREMRANGEBYSCORE', key, leaves, leaves)
    call('ZADD', key, leaves, number + n)
    call('EXPIREAT', key, math.ceil(leaves / 1e6))
  end
  local function next_one()
    local first = call('ZRANGE', key, '(' .. string.format('%d', micros), '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
    return first[2] and (tonumber(first[2]) - micros) / 1e6
  end
  return limit - (number - tonumber(left[1] or 0)), note, next_one
end

local function nothing() end

-- How many more jobs a queue may start: its most active, and its rate.
local function room(q)
  local free, most = want - #taken, q[5]
  if most > 0 then free = math.min(free, most - call('ZCARD', 'rq:wip:' .. q[1])) end
  if q[6] == 0 then return free, nothing, nothing end
  local may, note, next_one = rate_of(q)
  return math.min(free, may), note, next_one
end

local due, blocked = -1, {}
local function sooner(seconds)
  if seconds and (due < 0 or seconds < due) then due = seconds end
end

local broken, passed_over = {}, {}
local function pass_over(queue, why)
  if not why or passed_over[queue] then return end
  passed_over[queue] = true
  broken[#broken + 1] = {queue, why}
  blocked[#blocked + 1] = queue
end

for _, q in ipairs(queues) do
  local seconds, why = try(promote, q[1])
  sooner(seconds)
  pass_over(q[1], why)
end

-- A worker that is asked to drain finds every queue paused.
local function is_asked_to_drain()
  local document = redis.pcall('GET', P .. 'drain:' .. worker)
  if type(document) ~= 'string' then return false end
  local fine, request = pcall(cjson.decode, document)
  return fine and type(request) == 'table' and type(request.asked_ms) == 'number' and request.asked_ms > 0
end

local drains = is_asked_to_drain()

local function take_of(q)
  local free, note, next_one = room(q)
  local begun = 0
  while begun < free do
    local id = pop(q[1])
    if not id then break end
    local started, why = try(start, id, q[1])
    complain(id, why)
    if started == nil and not why then break end
    if started then begun = begun + 1 end
  end
  note(begun)
  if begun >= free and want > #taken then
    blocked[#blocked + 1] = q[1]
    sooner(next_one())
  end
end

for i = 0, #queues - 1 do
  -- the queue of this turn first, then the others by their precedence
  local first = tonumber(ARGV[6])
  local q = queues[i == 0 and first or (i < first and i or i + 1)]
  local paused = drains or q[4] or call('SISMEMBER', P .. 'paused', q[1]) == 1
  if want > #taken and not paused then
    local _, why = try(take_of, q)
    pass_over(q[1], why)
  elseif paused then
    blocked[#blocked + 1] = q[1]
  end
end

-- What was taken is never without a lease, even where this worker's had ended; see renew.lua.
if #taken > 0 then call('ZADD', P .. 'leases', 'NX', now * 1000 + tonumber(ARGV[4]), worker) end
if completed > 0 then call('HINCRBY', 'rq:worker:' .. worker, 'successful_job_count', completed) end
if unsuccessful > 0 then call('HINCRBY', 'rq:worker:' .. worker, 'failed_job_count', unsuccessful) end
return {want, due < 0 and -1 or math.ceil(due * 1000), late, blocked, taken, broken}
