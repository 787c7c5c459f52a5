-- Reads the counts of queues and the heartbeats of pods, all at one moment; writes nothing.
--
-- ARGV  1          the largest document that is returned, bytes
--       2          prefix of Osnovci's keys, "osnovci:{NAMESPACE}:"
--       3          how many queues follow
--       4 ..       for each queue its name and its horizon: scheduled jobs that are due within so many
--                  seconds count as due; then keys of documents: heartbeats, drain requests
-- Reads rq:queue:Q (list), PREFIXpriority:Q, rq:wip:Q, rq:scheduled:Q, rq:finished:Q, rq:failed:Q (sorted sets),
--       rq:job:ID (hash, enqueued_at only), PREFIXcounters (hash),
--       PREFIXpaused (set of queues), PREFIXstarts:Q (see turn.lua); the documents (strings)
-- Returns [seconds, micros, rows as JSON, documents as JSON]; a row is
--       [waiting, active, due, scheduled, completed, failed, departed, 1 if paused,
--       starts that its rate still counts at the horizon, enqueued_at of the oldest or false], where departed counts all that ever left the workers: completed, failed, retried, lost;
--       or the error's text where a key of the queue is of another type; a document may be false
--
-- rq's entry of an active job ends by its score when its worker no longer renews it.

local time = redis.call('TIME')
local now = tonumber(time[1])
local prefix, queues = ARGV[2], tonumber(ARGV[3])

local function departed(queue)
  local sum = 0
  for _, number in ipairs(redis.call('HMGET', prefix .. 'counters', queue .. ':completed',
      queue .. ':failed', queue .. ':retried', queue .. ':lost')) do
    sum = sum + (tonumber(number or 0) or 0)
  end
  return sum
end

local function counted_starts(queue, horizon)
  local key = prefix .. 'starts:' .. queue
  local at = time[1] * 1e6 + time[2] + horizon * 1e6
  local last = redis.call('ZRANGE', key, -1, -1)[1]
  local left = redis.call('ZRANGE', key, at, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1)[1]
  return tonumber(last or 0) - tonumber(left or 0)
end

local function row(queue, horizon)
  local urgent = prefix .. 'priority:' .. queue
  local oldest = redis.call('LINDEX', 'rq:queue:' .. queue, 0)
    or redis.call('ZRANGE', urgent, 0, 0)[1]
  return {
    redis.call('LLEN', 'rq:queue:' .. queue) + redis.call('ZCARD', urgent),
    redis.call('ZCOUNT', 'rq:wip:' .. queue, now, '+inf'),
    redis.call('ZCOUNT', 'rq:scheduled:' .. queue, '-inf', now + tonumber(horizon)),
    redis.call('ZCARD', 'rq:scheduled:' .. queue),
    redis.call('ZCARD', 'rq:finished:' .. queue),
    redis.call('ZCARD', 'rq:failed:' .. queue),
    departed(queue),
    redis.call('SISMEMBER', prefix .. 'paused', queue),
    counted_starts(queue, horizon),
    oldest and redis.call('HGET', 'rq:job:' .. oldest, 'enqueued_at') or false,
  }
end

-- What is no number cannot be written, and spoils its own queue only.
local function encoded(rows)
  local ok, text = pcall(cjson.encode, rows)
  if ok then return text end
  for i, each in ipairs(rows) do
    if not pcall(cjson.encode, each) then rows[i] = 'one of its counters is no number' end
  end
  return cjson.encode(rows)
end

local rows = {}
for i = 1, queues do
  local ok, result = pcall(row, ARGV[2 + 2 * i], ARGV[3 + 2 * i])
  rows[i] = ok and result or tostring(type(result) == 'table' and result.err or result)
end

local documents = {}
for i = 4 + 2 * queues, #ARGV do
  local ok, document = pcall(redis.call, 'GET', ARGV[i])
  documents[#documents + 1] = ok and document and #document <= tonumber(ARGV[1]) and document
end

-- Empty tables would be written as objects.
return {time[1], time[2], #rows > 0 and encoded(rows) or '[]',
  #documents > 0 and cjson.encode(documents) or '[]'}
