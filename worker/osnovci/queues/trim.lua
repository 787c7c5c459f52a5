-- Removes the oldest finished jobs of a queue beyond the number that is kept.
--
-- KEYS  1    rq:finished:Q or rq:failed:Q (sorted set of job ids by time)
-- ARGV  1    how many are kept
--       2    how many are removed at most in one call, so that Redis never stalls
-- Writes rq:job:ID, rq:job:ID:dependents, rq:results:ID, rq:executions:ID of what it removes
-- Returns how many were removed

local excess = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[1])
if excess <= 0 then
  return 0
end
local ids = redis.call('ZRANGE', KEYS[1], 0, math.min(excess, tonumber(ARGV[2])) - 1)
for _, id in ipairs(ids) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('DEL', 'rq:job:' .. id, 'rq:job:' .. id .. ':dependents', 'rq:results:' .. id,
    'rq:executions:' .. id)
end
return #ids
