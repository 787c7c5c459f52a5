-- Reads the counts of queues and the heartbeats of pods, all at one moment; writes nothing.
--
-- ARGV  1          horizon: scheduled jobs due within so many seconds count as due
--       2          the largest document that is returned, bytes
--       3          prefix of Osnovci's keys, "osnovci:{NAMESPACE}:"
--       4          how many queues follow
--       5 ..       names of queues, then keys of heartbeats
-- Reads rq:queue:Q (list), PREFIXpriority:Q, rq:wip:Q, rq:scheduled:Q, rq:finished:Q, rq:failed:Q (sorted sets),
--       rq:job:ID (hash, enqueued_at only); a document a heartbeat key
-- Returns [seconds, micros, rows as JSON, documents as JSON]; a row is
--       [waiting, active, due, scheduled, completed, failed, enqueued_at of the oldest or false],
--       or the error's text where a key of the queue is of another type; a document may be false
--
-- rq's entry of an active job ends by its score when its worker no longer renews it.

local time = redis.call('TIME')
local now = tonumber(time[1])
local prefix, queues = ARGV[3], tonumber(ARGV[4])

local function row(queue)
  local urgent = prefix .. 'priority:' .. queue
  local oldest = redis.call('LINDEX', 'rq:queue:' .. queue, 0)
    or redis.call('ZRANGE', urgent, 0, 0)[1]
  return {
    redis.call('LLEN', 'rq:queue:' .. queue) + redis.call('ZCARD', urgent),
    redis.call('ZCOUNT', 'rq:wip:' .. queue, now, '+inf'),
    redis.call('ZCOUNT', 'rq:scheduled:' .. queue, '-inf', now + tonumber(ARGV[1])),
    redis.call('ZCARD', 'rq:scheduled:' .. queue),
    redis.call('ZCARD', 'rq:finished:' .. queue),
    redis.call('ZCARD', 'rq:failed:' .. queue),
    oldest and redis.call('HGET', 'rq:job:' .. oldest, 'enqueued_at') or false,
  }
end

local rows = {}
for i = 1, queues do
  local ok, result = pcall(row, ARGV[4 + i])
  rows[i] = ok and result or tostring(type(result) == 'table' and result.err or result)
end

local documents = {}
for i = 5 + queues, #ARGV do
  local ok, document = pcall(redis.call, 'GET', ARGV[i])
  documents[#documents + 1] = ok and document and #document <= tonumber(ARGV[2]) and document
end

-- Empty tables would be written as objects.
return {time[1], time[2], #rows > 0 and cjson.encode(rows) or '[]',
  #documents > 0 and cjson.encode(documents) or '[]'}
