-- Reads of each app the revision that Redis holds, what its rate limits denied, and heartbeats of its
-- server processes; writes nothing.
--
-- ARGV  1          the largest document that is returned, bytes
--       2          how many keys of configs follow
--       3          how many policies follow after those
--       4 ..       keys of configs (hashes); of each policy the key of denials (a hash), its name, and the
--                  key of those most often denied (a sorted set); keys of heartbeats (strings)
-- Returns [configs, denials, heartbeats], each as JSON; a config is [revision, checksum], denials are
--       [denied, would deny, [subject, how often, ..]], a heartbeat is a document, and any of them false:
--       a key of another type, or a text that is too large, is false.

local largest, configs, policies = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local FIRST, TOP, LONGEST = 4, 5, 300

local function short(text) return text and #text <= 100 and text end

local function denials(key, policy, top)
  local counted, counts = pcall(redis.call, 'HMGET', key, policy .. '/denied', policy .. '/wouldDeny')
  local ranked, most = pcall(redis.call, 'ZREVRANGE', top, 0, TOP - 1, 'WITHSCORES')
  if not counted or not ranked then return false end
  for i = 1, #most do
    if #most[i] > LONGEST then most[i] = false end
  end
  return {short(counts[1]) or '0', short(counts[2]) or '0', most}
end

local marks, denied, documents = {}, {}, {}
local limits = FIRST + configs
local heartbeats = limits + 3 * policies
for i = FIRST, limits - 1 do
  local ok, mark = pcall(redis.call, 'HMGET', ARGV[i], 'revision', 'checksum')
  marks[#marks + 1] = ok and short(mark[1]) and short(mark[2]) and mark
end
for i = limits, heartbeats - 1, 3 do
  denied[#denied + 1] = denials(ARGV[i], ARGV[i + 1], ARGV[i + 2])
end
for i = heartbeats, #ARGV do
  local ok, document = pcall(redis.call, 'GET', ARGV[i])
  documents[#documents + 1] = ok and document and #document <= largest and document
end

-- Empty tables would be written as objects.
local function json(list) return #list > 0 and cjson.encode(list) or '[]' end

return {json(marks), json(denied), json(documents)}
