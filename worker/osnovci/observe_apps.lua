-- Reads the revision that Redis holds for each app, and heartbeats of server processes; writes nothing.
--
-- ARGV  1          the largest document that is returned, bytes
--       2          how many keys of configs follow
--       3 ..       keys of configs (hashes), then keys of heartbeats (strings)
-- Returns [configs as JSON, heartbeats as JSON]; a config is [revision, checksum] or false, a heartbeat
--       a document or false. A key of another type, or a document that is too large, is false.

local largest, configs = tonumber(ARGV[1]), tonumber(ARGV[2])

local function short(text) return text and #text <= 100 and text end

local marks, documents = {}, {}
for i = 3, #ARGV do
  if i < 3 + configs then
    local ok, mark = pcall(redis.call, 'HMGET', ARGV[i], 'revision', 'checksum')
    marks[#marks + 1] = ok and short(mark[1]) and short(mark[2]) and mark
  else
    local ok, document = pcall(redis.call, 'GET', ARGV[i])
    documents[#documents + 1] = ok and document and #document <= largest and document
  end
end

-- Empty tables would be written as objects.
return {#marks > 0 and cjson.encode(marks) or '[]', #documents > 0 and cjson.encode(documents) or '[]'}
