-- Puts a job that is in no place, in two, or in the wrong one, into the place its status names.
--
-- ARGV  3 ..  ids of jobs that a look from outside found odd
-- Returns [[id, what was found, what was done], ...] of those that were odd at this moment

local REGISTRIES = {finished = 'finished', failed = 'failed', stopped = 'failed',
  canceled = 'canceled', deferred = 'deferred', scheduled = 'scheduled'}

-- A stock worker of rq writes no execution into the job: its entry is found by the job's id.
local function of_stock_rq(id, queue)
  for _, member in ipairs(call('ZRANGE', 'rq:wip:' .. queue, 0, -1)) do
    if string.sub(member, 1, #id + 1) == id .. ':' then return member end
  end
end

local function places(id, queue, execution, worker)
  local found = {}
  if call('LPOS', 'rq:queue:' .. queue, id) then found.queued = 'waiting' end
  if call('ZSCORE', P .. 'priority:' .. queue, id) then found.queued = 'waiting' end
  for _, name in ipairs({'finished', 'failed', 'canceled', 'deferred', 'scheduled', 'ready'}) do
    if call('ZSCORE', 'rq:' .. name .. ':' .. queue, id) then found[name] = name end
  end
  local member = id .. ':' .. (execution or '')
  if not execution then member = of_stock_rq(id, queue) or member end
  if call('ZSCORE', 'rq:wip:' .. queue, member) then found.started = 'active' end
  return found, member
end

local function names(found)
  local list = {}
  for _, name in pairs(found) do list[#list + 1] = name end
  table.sort(list)
  return #list == 0 and 'in no place' or table.concat(list, ' and ')
end

local function drop(id, queue, found, wanted, member)
  for place in pairs(found) do
    if place ~= wanted then
      if place == 'queued' then
        call('LREM', 'rq:queue:' .. queue, 0, id)
        call('ZREM', P .. 'priority:' .. queue, id)
      elseif place == 'started' then
        call('ZREM', 'rq:wip:' .. queue, member)
      else
        call('ZREM', 'rq:' .. place .. ':' .. queue, id)
      end
    end
  end
end

local function mend(id)
  local f = call('HMGET', job_key(id), 'status', 'origin', 'execution', 'worker_name', 'priority', 'data')
  local status, queue = f[1], f[2]
  if not f[6] or not queue then return nil end
  local found, member = places(id, queue, f[3], f[4])
  local wanted = status == 'queued' and 'queued' or status == 'started' and 'started'
    or status == 'ready_to_enqueue' and 'ready' or REGISTRIES[status]
  if not wanted then return {id, names(found), 'left: its status "' .. (status or '') .. '" is unknown'} end
  local right = found[wanted] ~= nil
  if status == 'started' and right and f[3] then
    right = call('SISMEMBER', P .. 'held:' .. (f[4] or ''), member) == 1
    if not right then found.started = 'active without a worker' end
  end
  local others = 0
  for place in pairs(found) do if place ~= wanted then others = others + 1 end end
  if right and others == 0 then return nil end
  local was = status .. ', ' .. names(found)
  if right then
    drop(id, queue, found, wanted, member)
    return {id, was, 'kept only where its status says'}
  end
  drop(id, queue, found, '', member)
  if wanted == 'queued' or wanted == 'started' or wanted == 'scheduled' or wanted == 'ready' then
    push(id, queue, false, f[5])
    return {id, was, 'waits again'}
  end
  call('ZADD', 'rq:' .. wanted .. ':' .. queue, score(now + KEEP_SECONDS), id)
  return {id, was, 'put into ' .. wanted}
end

local report = {}
for i = 3, #ARGV do report[#report + 1] = mend(ARGV[i]) end
return report
