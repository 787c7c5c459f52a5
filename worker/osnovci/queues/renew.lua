-- Renews a worker's lease, shows it to rq's tools, and takes the jobs of workers that are gone.
--
-- ARGV  3  the worker      4  lease, ms      5  the story of a lost lease (base64 of zlib, as rq keeps it)
--       6  JSON: [queue, ...]      7  JSON: {field: value} for rq:worker:WORKER
--       8  JSON: [[id, progress], ...]
-- Returns [[JOB:EXECUTION, ...] which the worker holds, how many jobs others lost]

local worker = ARGV[3]
local key = 'rq:worker:' .. worker
local queues = cjson.decode(ARGV[6])

call('ZADD', P .. 'leases', now * 1000 + tonumber(ARGV[4]), worker)

call('SADD', 'rq:workers', key)
for _, queue in ipairs(queues) do
  call('SADD', 'rq:workers:' .. queue, key)
  call('SADD', 'rq:queues', 'rq:queue:' .. queue)
end
for field, value in pairs(cjson.decode(ARGV[7])) do call('HSET', key, field, value) end
call('HSET', key, 'last_heartbeat', NOW)
call('EXPIRE', key, 60)

for _, p in ipairs(cjson.decode(ARGV[8])) do
  if call('EXISTS', job_key(p[1])) == 1 then call('HSET', job_key(p[1]), 'progress', p[2]) end
end

local lost = 0
for _, gone in ipairs(call('ZRANGEBYSCORE', P .. 'leases', '-inf', now * 1000, 'LIMIT', 0, 20)) do
  if gone ~= worker then lost = lost + take_from(gone, ARGV[5]) end
end
return {call('SMEMBERS', P .. 'held:' .. worker), lost}
