-- Puts an app's document into Redis under a new revision and announces it, unless it is there already.
--
-- ARGV  1  the document's key, which is also the channel
--       2  its checksum      3  the document
--       4  a new revision is greater than this one, for a Redis that has lost its data
-- Returns the revision of this document

local key = ARGV[1]

-- A key of another type is nobody's document.
if redis.call('TYPE', key).ok ~= 'hash' then redis.call('DEL', key) end

local kept = redis.call('HMGET', key, 'revision', 'checksum', 'document')
local revision = tonumber(kept[1] or '') or 0
if revision > 0 and kept[2] == ARGV[2] and kept[3] == ARGV[3] then return revision end

revision = math.max(revision, tonumber(ARGV[4])) + 1
redis.call('HSET', key, 'revision', revision, 'checksum', ARGV[2], 'document', ARGV[3])
redis.call('PUBLISH', key, revision)
return revision
