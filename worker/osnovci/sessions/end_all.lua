-- Ends all sessions and families of a user, perhaps but one session with its family.
--
-- KEYS  1  the root of the app's sessions
-- ARGV  1  the user   2  the hash of the id of the session that stays, or ''
-- Returns how many sessions were ended

local user, stays = ARGV[1], ARGV[2]
local CHUNK = 1000 -- what one command takes as arguments

local function chunks(list, act)
  local sum = 0
  for first = 1, #list, CHUNK do
    sum = sum + act(unpack(list, first, math.min(first + CHUNK - 1, #list)))
  end
  return sum
end

local function unlink(...) return redis.call('UNLINK', ...) end

local kept = stays ~= '' and read(stays) or {}
if kept.user_id ~= user then kept = {} end
local active = kept.user_id and redis.call('ZSCORE', user_key(user), stays)
if active then redis.call('ZREM', user_key(user), stays) end

local hashes = redis.call('ZRANGE', user_key(user), 0, -1)
local keys, prefix = {}, session_key('')
for number, hash in ipairs(hashes) do keys[number] = prefix .. hash end
local ended = chunks(keys, unlink)
chunks(hashes, function(...) return redis.call('ZREM', devices_key, ...) end)
unlink(user_key(user))
if active then
  redis.call('ZADD', user_key(user), active, stays)
  keep(user_key(user), kept.ends_at_ms - now)
end

local families = {}
for _, id in ipairs(redis.call('ZRANGE', families_key(user), 0, -1)) do
  if id ~= kept.family then families[#families + 1] = family_key(id) end
end
chunks(families, unlink)
unlink(families_key(user))
if kept.family and redis.call('EXISTS', family_key(kept.family)) == 1 then
  remember(kept.family, user, redis.call('PTTL', family_key(kept.family)))
end
return ended
