-- What people do with jobs and queues.
--
-- ARGV  2  cancel: job · retry: job, or 'all', queue, how many · pause, resume: queue
--          count: queue, place · purge: queue, place, how many
--       3 ..  its arguments
-- Returns how many jobs or queues changed; cancel says from which status, or false

local KEEP_CANCELED = 500
local commands = {}

local function registry(status, queue)
  local names = {scheduled = 'scheduled', deferred = 'deferred', failed = 'failed',
    canceled = 'canceled', finished = 'finished', stopped = 'failed'}
  return names[status] and 'rq:' .. names[status] .. ':' .. queue
end

-- Takes a job out of the place its status names.
local function leave(id, f)
  local status, queue = f[1], f[2]
  if status == 'queued' then
    call('LREM', 'rq:queue:' .. queue, 0, id)
    call('ZREM', P .. 'priority:' .. queue, id)
  elseif status == 'started' then
    local member = id .. ':' .. (f[3] or '')
    call('ZREM', 'rq:wip:' .. queue, member)
    call('SREM', P .. 'held:' .. (f[4] or ''), member)
    wake('cancel ' .. (f[3] or ''))
  elseif registry(status, queue) then
    call('ZREM', registry(status, queue), id)
  end
end

local function look(id)
  return call('HMGET', job_key(id), 'status', 'origin', 'execution', 'worker_name', 'priority')
end

-- A job that has ended stays as it is.
function commands.cancel(id)
  local f = look(id)
  local ended = {finished = true, failed = true, canceled = true, stopped = true}
  if not f[1] or ended[f[1]] then return false end
  leave(id, f)
  call('HSET', job_key(id), 'status', 'canceled', 'ended_at', NOW)
  call('ZADD', 'rq:canceled:' .. f[2], score(now), id)
  trim('rq:canceled:' .. f[2], KEEP_CANCELED)
  return f[1]
end

-- Gives a job the retries it began with.
local function give_retries(id)
  local given = call('HGET', job_key(id), 'retries_given')
  if given == 'by the queue' then
    call('HDEL', job_key(id), 'retries_left', 'retry_intervals')
  elseif given then
    call('HSET', job_key(id), 'retries_left', given)
  end
  call('HDEL', job_key(id), 'retries_given', 'losses', 'doubted', 'quarantined', 'ended_at')
end

local function retry(id)
  local f = look(id)
  if f[1] ~= 'failed' and f[1] ~= 'stopped' and f[1] ~= 'canceled' then return 0 end
  leave(id, f)
  give_retries(id)
  push(id, f[2], false, f[5])
  call('PERSIST', job_key(id) .. ':dependents')
  call('PERSIST', 'rq:results:' .. id)
  return 1
end

function commands.retry(id, queue, most)
  if id ~= 'all' then return retry(id) end
  local changed = 0
  for _, each in ipairs(call('ZRANGE', 'rq:failed:' .. queue, 0, most - 1)) do
    local retried = retry(each)
    -- No failed job, whatever it is: it is not met again, and the audit sees to its place.
    if retried == 0 then call('ZREM', 'rq:failed:' .. queue, each) end
    changed = changed + retried
  end
  return changed
end

function commands.pause(queue) return call('SADD', P .. 'paused', queue) end

function commands.resume(queue)
  wake(queue)
  return call('SREM', P .. 'paused', queue)
end

-- The idempotency key of a job that never began is free again; that of one that did is not, for
-- nothing may run twice while it holds.
local function free_key(id)
  local f = call('HMGET', job_key(id), 'once', 'started_at')
  if not f[1] or (f[2] and f[2] ~= '') or call('EXISTS', 'rq:results:' .. id) == 1 then return end
  if call('GET', P .. 'once:' .. f[1]) == id then call('DEL', P .. 'once:' .. f[1]) end
end

local function key_of(place, queue)
  local names = {waiting = 'queue', scheduled = 'scheduled', completed = 'finished', failed = 'failed',
    canceled = 'canceled'}
  return 'rq:' .. names[place] .. ':' .. queue
end

function commands.count(queue, place)
  local key = key_of(place, queue)
  if place ~= 'waiting' then return call('ZCARD', key) end
  return call('LLEN', key) + call('ZCARD', P .. 'priority:' .. queue)
end

-- Deletes jobs of one place for good: waiting, scheduled, completed, failed or canceled.
function commands.purge(queue, place, most)
  local key, gone = key_of(place, queue), {}
  if place == 'waiting' then
    gone = call('LPOP', key, most) or {}
    key = P .. 'priority:' .. queue
  end
  for i, id in ipairs(call('ZPOPMIN', key, most - #gone)) do
    if i % 2 == 1 then gone[#gone + 1] = id end
  end
  for _, id in ipairs(gone) do
    free_key(id)
    forget(id)
  end
  return #gone
end

return commands[ARGV[2]](unpack(ARGV, 3))
