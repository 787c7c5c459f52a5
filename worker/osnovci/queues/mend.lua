-- Puts a job that is in no place, in two, or in the wrong one, into the place its status names; sets
-- aside as failed what waits for a job that will never complete.
--
-- ARGV  2  1: mend, 0: only look      3  the story of what is set aside (base64 of zlib)
--       4 ..  ids of jobs that a look from outside found odd, each with its queue
-- Returns [[id, what was found, what was done or is to be done], ...] of those that were odd at this moment

local MEND, STORY = ARGV[2] == '1', ARGV[3]
local REGISTRIES = {finished = 'finished', failed = 'failed', stopped = 'failed',
  canceled = 'canceled', deferred = 'deferred', scheduled = 'scheduled'}

-- A stock worker of rq writes no execution into the job: its entry is found by the job's id.
local function of_stock_rq(id, queue)
  for _, member in ipairs(call('ZRANGE', 'rq:wip:' .. queue, 0, -1)) do
    if string.sub(member, 1, #id + 1) == id .. ':' then return member end
  end
end

local function places(id, queue, execution)
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
  if not MEND then return end
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

local function wanted_place(status)
  if status == 'queued' or status == 'started' then return status end
  return status == 'ready_to_enqueue' and 'ready' or REGISTRIES[status]
end

-- Whether the worker that a job names as its own still holds it.
local function is_held(f, member)
  return not f[3] or call('SISMEMBER', P .. 'held:' .. (f[4] or ''), member) == 1
end

local function put(id, queue, wanted, priority)
  if wanted == 'queued' or wanted == 'started' or wanted == 'scheduled' or wanted == 'ready' then
    if MEND then push(id, queue, false, priority) end
    return 'waits again'
  end
  if MEND then call('ZADD', 'rq:' .. wanted .. ':' .. queue, score(now + KEEP_SECONDS), id) end
  return 'put into ' .. wanted
end

-- Frees a deferred job that nothing keeps, and sets aside one whose dependency will never complete.
local function settle(id, queue, why)
  if why == '' then
    if MEND then undefer(id, queue) end
    return {id, 'deferred, waits for no job', 'waits again'}
  end
  if MEND then
    call('ZREM', 'rq:deferred:' .. queue, id)
    fail(id, queue, {worker = 'audit', execution = 'audit'}, STORY)
  end
  return {id, 'deferred, waits for ' .. why, 'set aside as failed'}
end

local function mend(id, seen_in)
  local f = call('HMGET', job_key(id), 'status', 'origin', 'execution', 'worker_name', 'priority', 'data')
  local status, queue = f[1] or 'none', f[2] or seen_in
  local found, member = places(id, queue, f[3])
  if not f[6] then
    if not next(found) then return nil end
    drop(id, queue, found, '', member)
    return {id, names(found) .. ', but its record is gone', 'dropped'}
  end
  local wanted = wanted_place(status)
  if not wanted then return {id, names(found), 'left: its status "' .. status .. '" is unknown'} end
  if found.started and not is_held(f, member) then found.started = 'active without a worker' end
  local right = found[wanted] and found[wanted] ~= 'active without a worker'
  local others = 0
  for place in pairs(found) do if place ~= wanted then others = others + 1 end end
  if right and others == 0 then
    local why = wanted == 'deferred' and stranded(id)
    return why and settle(id, queue, why) or nil
  end
  local was = status .. ', ' .. names(found)
  drop(id, queue, found, right and wanted or '', member)
  return {id, was, right and 'kept only where its status says' or put(id, queue, wanted, f[5])}
end

local report = {}
for i = 4, #ARGV, 2 do
  local found, why = try(mend, ARGV[i], ARGV[i + 1])
  report[#report + 1] = why and {ARGV[i], 'cannot be read: ' .. why, 'left as it is'} or found
end
return report
