-- One job as it is, with the result of its last run; writes nothing.
--
-- ARGV  2  job
-- Returns [[field, value, ...], [field, value, ...] of the last run]; both empty where there is none

local last = call('XREVRANGE', 'rq:results:' .. ARGV[2], '+', '-', 'COUNT', 1)
return {call('HGETALL', job_key(ARGV[2])), last[1] and last[1][2] or {}}
