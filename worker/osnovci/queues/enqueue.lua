-- Accepts any number of jobs, in their order. A key of another type ends it there: those before are accepted.
--
-- ARGV  2 ..  for each job: id, queue, priority (1 to 10), wait in ms (0: now), due in seconds of
--             Unix time ('' : the wait counts), idempotency key ('' : none), how long that key
--             holds in ms, ids it depends on as JSON ('' : none),
--             number of fields, field, value, ...
-- Returns the id of each: of the first job with that id or idempotency key where there is one

local function known(id, once, holds)
  if call('EXISTS', job_key(id)) == 1 then return id end
  if once == '' then return nil end
  local first = call('SET', P .. 'once:' .. once, id, 'NX', 'GET', 'PX', holds)
  return first or nil
end

-- Registers what a job still waits for; true if there is any. As in rq a job that does not exist
-- counts as ended: it may have been, and not be kept.
local function defer(id, queue, dependencies)
  local waits = false
  for _, other in ipairs(dependencies) do
    local status = call('HGET', job_key(other), 'status')
    if status and status ~= 'finished' then waits = true end
  end
  if not waits then return false end
  for _, other in ipairs(dependencies) do
    call('SADD', job_key(other) .. ':dependents', id)
    call('SADD', dependencies_key(id), other)
  end
  call('HSET', job_key(id), 'status', 'deferred')
  call('ZADD', 'rq:deferred:' .. queue, score(now), id)
  return true
end

local ids, at = {}, 2
while at <= #ARGV do
  local id, queue, priority, wait, due, once, holds, dependencies, fields = unpack(ARGV, at, at + 8)
  local first = at + 9
  at = first + 2 * tonumber(fields)
  local existing = known(id, once, holds)
  ids[#ids + 1] = existing or id
  if not existing then
    call('HSET', job_key(id), 'origin', queue, 'created_at', NOW, 'priority', priority, unpack(ARGV, first, at - 1))
    if once ~= '' then call('HSET', job_key(id), 'once', once) end
    call('SADD', 'rq:queues', 'rq:queue:' .. queue)
    local moment = tonumber(due) or now + tonumber(wait) / 1000
    if dependencies ~= '' and defer(id, queue, cjson.decode(dependencies)) then
      if moment > now then call('HSET', job_key(id), 'not_before', score(moment)) end
    else
      if moment > now then schedule(id, queue, moment) else push(id, queue, false, priority) end
    end
  end
end
return ids
