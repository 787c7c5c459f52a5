-- Removes what a queue keeps of its ended jobs beyond the newest so many.
--
-- KEYS  1    rq:finished:Q or rq:failed:Q (sorted set of job ids; rq's score is when they expire,
--            which for jobs kept equally long is the order in which they ended, to the second)
-- ARGV  1    how many are kept
--       2    the status of those jobs: finished or failed
--       3    how many are removed at most in one call, so that Redis never stalls
-- Writes rq:job:ID, rq:job:ID:dependents, rq:job::ID:dependencies (rq's spelling), rq:results:ID,
--       rq:executions:ID of what it removes
-- Returns how many were removed
--
-- A job enqueued again under its old id is not ended any more, so its hash stays.

local excess = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[1])
if excess <= 0 then
  return 0
end
local ids = redis.call('ZRANGE', KEYS[1], 0, math.min(excess, tonumber(ARGV[3])) - 1)
for _, id in ipairs(ids) do
  redis.call('ZREM', KEYS[1], id)
  local job = 'rq:job:' .. id
  if redis.call('HGET', job, 'status') == ARGV[2] then
    redis.call('DEL', job, job .. ':dependents', 'rq:job::' .. id .. ':dependencies',
      'rq:results:' .. id, 'rq:executions:' .. id)
  end
end
return #ids
