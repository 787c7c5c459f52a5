-- What the scripts of the queues share; it is put before each of them.
--
-- ARGV  1  prefix of Osnovci's keys, "osnovci:{NAMESPACE}:"
-- Returns what the script after it returns
--
-- A job is in exactly one of these places of its queue Q, and its status says in which:
--   queued     rq:queue:Q (list), or for a priority other than 5 PREFIXpriority:Q (sorted set)
--   started    rq:wip:Q (sorted set of JOB:EXECUTION), and PREFIXheld:WORKER (set) names its worker
--   scheduled  rq:scheduled:Q, scored by its due second with its fraction
--   deferred   rq:deferred:Q until what it depends on has ended; its field not_before is when it is due
--   finished, failed (also quarantined), canceled: the registry of that name
-- Others: rq:job:ID (hash), rq:job:ID:dependents, rq:job::ID:dependencies, rq:results:ID (stream);
--   PREFIXleases (worker -> ms at which its lease ends), PREFIXpresumed:WORKER (set of jobs that
--   count a death of a worker whose lease ended), PREFIXserver (the run of Redis that was last seen),
--   PREFIXpaused (set of queues),
--   PREFIXpaused:spec (set of queues that a spec pauses, for people), PREFIXcounters (hash), PREFIXsequence, PREFIXstarts:Q (see turn.lua);
--   the channel PREFIXwake
--
-- An EXECUTION that ends with "w" waited in its worker when it was taken: nobody knows if it began.

local P = ARGV[1]
local call = redis.call
local clock = call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1e6
local KEEP_SECONDS = 31536000
local MAX_LOSSES = 3

-- Writes a moment as rq does. Redis's Lua has no calendar: this is Hinnant's civil_from_days, which
-- counts years from March, so that a leap day is the last of its year.
local function stamp(second, microsecond)
  local floor, days = math.floor, math.floor(second / 86400) + 719468
  local era = floor(days / 146097)
  local day = days % 146097
  local year = floor((day - floor(day / 1460) + floor(day / 36524) - floor(day / 146096)) / 365)
  day = day - 365 * year - floor(year / 4) + floor(year / 100)
  local month = floor((5 * day + 2) / 153)
  local date = day - floor((153 * month + 2) / 5) + 1
  if month < 10 then month = month + 3 else month, year = month - 9, year + 1 end
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%06dZ', 400 * era + year, month, date,
    floor(second / 3600) % 24, floor(second / 60) % 60, second % 60, microsecond)
end

local NOW = stamp(clock[1], clock[2])

local function job_key(id) return 'rq:job:' .. id end
local function dependencies_key(id) return 'rq:job::' .. id .. ':dependencies' end  -- rq's own two colons
local function score(seconds) return string.format('%.6f', seconds) end
local function count(queue, what, by) call('HINCRBY', P .. 'counters', queue .. ':' .. what, by or 1) end
local function wake(message) call('PUBLISH', P .. 'wake', message) end

-- Lets a job wait for a worker: priorities 1 to 4 before rq's list, which is 5, and 6 to 10 after it.
local function push(id, queue, front, priority)
  call('HSET', job_key(id), 'status', 'queued', 'enqueued_at', NOW)
  call('PERSIST', job_key(id))
  local rank = tonumber(priority or '')
  if rank and rank >= 1 and rank <= 10 and rank ~= 5 then
    local order = front and 0 or call('INCR', P .. 'sequence')
    call('ZADD', P .. 'priority:' .. queue, rank * 2 ^ 40 + order, id)
    wake(queue)
  else
    call(front and 'LPUSH' or 'RPUSH', 'rq:queue:' .. queue, id)
  end
end

local function schedule(id, queue, due)
  call('HSET', job_key(id), 'status', 'scheduled')
  call('ZADD', 'rq:scheduled:' .. queue, score(due), id)
  wake(queue)
end

-- Calls a function; where that fails gives nil and why, for people: one broken key stops nothing else.
local function try(what, ...)
  local fine, result = pcall(what, ...)
  if fine then return result end
  return nil, tostring(type(result) == 'table' and result.err or result)
end

local function forget(id)
  local key = job_key(id)
  call('DEL', key, key .. ':dependents', dependencies_key(id), 'rq:results:' .. id)
end

local function trim(key, keep)
  local extra = math.min(call('ZCARD', key) - keep, 100)
  if extra > 0 then
    local gone = call('ZPOPMIN', key, extra)
    for i = 1, #gone, 2 do forget(gone[i]) end
  end
end

-- Ends a job in a registry, for as long as its own ttl says (seconds, -1 for ever).
local function archive(id, key, ttl)
  ttl = tonumber(ttl or '') or false
  if ttl and ttl > 0 then
    for _, name in ipairs({job_key(id), job_key(id) .. ':dependents', dependencies_key(id), 'rq:results:' .. id}) do
      call('EXPIRE', name, ttl)
    end
  end
  call('ZADD', key, ttl and ttl < 0 and '+inf' or score(now + (ttl or KEEP_SECONDS)), id)
end

local function met(id, allow_failure)
  for _, other in ipairs(call('SMEMBERS', dependencies_key(id))) do
    local status = call('HGET', job_key(other), 'status')
    local fine = not status or status == 'finished' or (allow_failure and status == 'failed')
    if not fine then return false end
  end
  return true
end

-- Lets a deferred job wait for a worker, or until it is due.
local function undefer(id, queue)
  local f = call('HMGET', job_key(id), 'not_before', 'enqueue_at_front', 'priority')
  call('ZREM', 'rq:deferred:' .. queue, id)
  local due = tonumber(f[1] or '') or 0
  if due > now then schedule(id, queue, due) else push(id, queue, f[2] == '1', f[3]) end
end

-- Lets those go on that waited only for this job, as rq does.
local function free_dependents(id)
  local dependents = job_key(id) .. ':dependents'
  for _, other in ipairs(call('SMEMBERS', dependents)) do
    local f = call('HMGET', job_key(other), 'status', 'origin', 'allow_dependency_failures')
    if f[1] == 'deferred' and met(other, f[3] == '1') then
      call('SREM', dependents, other)
      undefer(other, f[2])
    end
  end
end

-- Why a deferred job will never be freed: what it depends on and how that ended, '' for nothing;
-- nil where it still may be. One that failed and is kept may be retried, so it is waited for.
local function stranded(id)
  local allow_failure = call('HGET', job_key(id), 'allow_dependency_failures') == '1'
  local others = redis.pcall('SMEMBERS', dependencies_key(id))
  if others.err then return nil end
  local gone, pending = '', false
  for _, other in ipairs(others) do
    local status = redis.pcall('HGET', job_key(other), 'status')
    if status == 'canceled' then return 'job ' .. other .. ', which was canceled' end
    if not status then
      gone = 'job ' .. other .. ', which is no longer kept'
    elseif status ~= 'finished' and not (allow_failure and status == 'failed') then
      pending = true
    end
  end
  return not pending and gone or nil
end

-- Adds one run to a job's results: rq's types 1 completed, 2 failed, 4 will run again.
local function record(id, type, run, field, value)
  local entry = {'type', type, 'worker_name', run.worker, 'execution_id', run.execution,
    'execution_started_at', run.started or score(now), 'execution_ended_at', run.ended or score(now)}
  if value then
    entry[#entry + 1] = field
    entry[#entry + 1] = value
  end
  call('XADD', 'rq:results:' .. id, 'MAXLEN', 10, '*', unpack(entry))
end

local function fail(id, queue, run, error, keep)
  local ttl = call('HGET', job_key(id), 'failure_ttl')
  call('HSET', job_key(id), 'status', 'failed', 'ended_at', NOW)
  record(id, 2, run, 'exc_string', error)
  count(queue, 'failed')
  archive(id, 'rq:failed:' .. queue, ttl)
  free_dependents(id)
  if keep then trim('rq:failed:' .. queue, keep) end
end

-- A job whose process is gone runs again at once; one that lost it three times is set aside.
local function lose(id, queue, run, story, keep)
  local losses = call('HINCRBY', job_key(id), 'losses', 1)
  count(queue, 'lost')
  if losses >= MAX_LOSSES then
    call('HSET', job_key(id), 'quarantined', NOW)
    return fail(id, queue, run, story, keep)
  end
  record(id, 4, run, 'exc_string', story)
  push(id, queue, true, call('HGET', job_key(id), 'priority'))
end

-- A job that waited in a worker that is gone may have begun there. It does not count a death, but
-- from now on it is taken only where it begins at once, so that the next one is known to be its own.
local function doubt(id, queue)
  call('HSET', job_key(id), 'doubted', 1)
  push(id, queue, true, call('HGET', job_key(id), 'priority'))
end

-- Takes every job from a worker that is gone; gives their number. Where that is only presumed,
-- because its lease ended, the worker may come back and say that it did not die.
local function take_from(worker, story, presumed)
  local held = call('SMEMBERS', P .. 'held:' .. worker)
  for _, member in ipairs(held) do
    local id, execution = string.match(member, '^(.*):(.-)$')
    local f = call('HMGET', job_key(id), 'status', 'origin', 'execution')
    if f[2] then call('ZREM', 'rq:wip:' .. f[2], member) end
    if f[1] == 'started' and f[3] == execution then
      if string.sub(execution, -1) == 'w' then
        doubt(id, f[2])
      else
        lose(id, f[2], {worker = worker, execution = execution}, story)
        if presumed then call('SADD', P .. 'presumed:' .. worker, id) end
      end
    end
  end
  if presumed then call('EXPIRE', P .. 'presumed:' .. worker, 3600) else call('DEL', P .. 'presumed:' .. worker) end
  call('DEL', P .. 'held:' .. worker)
  call('ZREM', P .. 'leases', worker)
  return #held
end
