-- Looks at the records of jobs, a piece a call, and names those that are not where their status says; writes nothing.
--
-- ARGV  2  SCAN's cursor      3  how many keys to look at, about
--       4  a time as rq writes it, or '': what began to wait after it is left out
--       5 ..  queues: jobs of others are left out
-- Returns [cursor, [[job, queue], ...] that seem odd, [[job, queue], ...] that say they wait in rq's list]
--
-- Whether a job is in a list cannot be told without reading all of it: the caller has read it.

local REGISTRIES = {finished = 'finished', failed = 'failed', stopped = 'failed', canceled = 'canceled',
  deferred = 'deferred', scheduled = 'scheduled', ready_to_enqueue = 'ready'}

local ours = {}
for i = 5, #ARGV do ours[ARGV[i]] = true end
local odd, listed = {}, {}

local function is_in(key, member)
  local found = redis.pcall('ZSCORE', key, member)
  return found and not found.err
end

local function look(id, status, queue, execution, since)
  if status == 'queued' then
    local late = ARGV[4] ~= '' and (since or '') >= ARGV[4]
    if not late and not is_in(P .. 'priority:' .. queue, id) then listed[#listed + 1] = {id, queue} end
  elseif status == 'started' then
    -- Stock rq's worker writes no execution into the job: the second look searches for it.
    if not execution or not is_in('rq:wip:' .. queue, id .. ':' .. execution) then odd[#odd + 1] = {id, queue} end
  elseif not REGISTRIES[status] or not is_in('rq:' .. REGISTRIES[status] .. ':' .. queue, id) then
    odd[#odd + 1] = {id, queue}
  end
end

local reply = call('SCAN', ARGV[2], 'MATCH', 'rq:job:*', 'COUNT', ARGV[3])
for _, key in ipairs(reply[2]) do
  local id = string.match(key, '^rq:job:([^:]+)$')
  local f = id and redis.pcall('HMGET', key, 'status', 'origin', 'execution', 'enqueued_at')
  -- What plain rq has created and not enqueued yet is no job that was accepted.
  if f and not f.err and f[1] and f[1] ~= 'created' and ours[f[2]] then look(id, f[1], f[2], f[3], f[4]) end
end
return {reply[1], odd, listed}
