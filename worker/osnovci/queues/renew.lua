-- Renews a worker's lease, shows it to rq's tools, and takes the jobs of workers that are gone.
--
-- ARGV  2  the worker      3  lease, ms      4  the story of a lost lease (base64 of zlib, as rq keeps it)
--       5  JSON: [queue, ...]      6  JSON: {field: value} for rq:worker:WORKER
--       7  JSON: [[id, progress], ...]
-- Returns [[JOB:EXECUTION, ...] which the worker holds, how many jobs others lost, the drain request
--       that stands for it or false]

local worker = ARGV[2]
local key = 'rq:worker:' .. worker
local queues = cjson.decode(ARGV[5])

local lease = tonumber(ARGV[3])
local leases = P .. 'leases'

-- Whether Redis itself was away: it was started anew, or no worker at all has renewed for a whole
-- lease. Then a lease that ended says nothing of its worker, and each gets the time to come back.
-- A lone worker that died looks the same: the next one, if it comes later, reruns its job 4 s after that.
local function was_away()
  local server = string.match(call('INFO', 'server'), 'run_id:(%w+)')
  local before = call('SET', P .. 'server', server, 'GET')
  local latest = call('ZRANGE', leases, 0, 0, 'REV', 'WITHSCORES')[2]
  return (before and before ~= server) or (latest and tonumber(latest) < now * 1000)
end

if was_away() then
  for _, each in ipairs(call('ZRANGE', leases, 0, -1)) do
    call('ZADD', leases, 'XX', 'GT', now * 1000 + lease, each)
  end
end

call('ZADD', leases, now * 1000 + lease, worker)

-- This worker was presumed dead, and lives: what it held then did not kill it.
for _, id in ipairs(call('SPOP', P .. 'presumed:' .. worker, 1000)) do
  if call('HEXISTS', job_key(id), 'losses') == 1 then call('HINCRBY', job_key(id), 'losses', -1) end
end

call('SADD', 'rq:workers', key)
for _, queue in ipairs(queues) do
  call('SADD', 'rq:workers:' .. queue, key)
  call('SADD', 'rq:queues', 'rq:queue:' .. queue)
end
for field, value in pairs(cjson.decode(ARGV[6])) do call('HSET', key, field, value) end
call('HSET', key, 'last_heartbeat', NOW)
call('EXPIRE', key, 60)

for _, p in ipairs(cjson.decode(ARGV[7])) do
  if call('EXISTS', job_key(p[1])) == 1 then call('HSET', job_key(p[1]), 'progress', p[2]) end
end

local function document(found) return type(found) == 'string' and found end

local lost = 0
for _, gone in ipairs(call('ZRANGEBYSCORE', leases, '-inf', now * 1000, 'LIMIT', 0, 20)) do
  if gone ~= worker then lost = lost + take_from(gone, ARGV[4], true) end
end
return {call('SMEMBERS', P .. 'held:' .. worker), lost, document(redis.pcall('GET', P .. 'drain:' .. worker))}
