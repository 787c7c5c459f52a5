-- The figures of any number of queues, all at one moment; writes nothing.
--
-- ARGV  2 ..  queues; none: all that rq knows
-- Returns [now ms, [queue, waiting, active, scheduled, completed in all, failed (kept), retried, lost,
--       1 if paused and 2 if its spec pauses it, deferred, enqueued_at of the oldest or false], ...]

local queues = {unpack(ARGV, 2)}
if #queues == 0 then
  for _, key in ipairs(call('SMEMBERS', 'rq:queues')) do queues[#queues + 1] = string.sub(key, 10) end
  table.sort(queues)
end

local reply = {math.floor(now * 1000)}
for _, q in ipairs(queues) do
  local counters = call('HMGET', P .. 'counters', q .. ':completed', q .. ':retried', q .. ':lost')
  local kept = call('ZCARD', 'rq:finished:' .. q)
  local first = call('LINDEX', 'rq:queue:' .. q, 0) or call('ZRANGE', P .. 'priority:' .. q, 0, 0)[1]
  reply[#reply + 1] = {
    q,
    call('LLEN', 'rq:queue:' .. q) + call('ZCARD', P .. 'priority:' .. q),
    call('ZCARD', 'rq:wip:' .. q),
    call('ZCARD', 'rq:scheduled:' .. q),
    math.max(tonumber(counters[1] or 0), kept),
    call('ZCARD', 'rq:failed:' .. q),
    tonumber(counters[2] or 0),
    tonumber(counters[3] or 0),
    call('SISMEMBER', P .. 'paused', q) + 2 * call('SISMEMBER', P .. 'paused:spec', q),
    call('ZCARD', 'rq:deferred:' .. q),
    first and call('HGET', job_key(first), 'enqueued_at'),
  }
end
return reply
