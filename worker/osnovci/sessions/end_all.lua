-- Ends all sessions and families of a user, perhaps but one session with its family.
--
-- KEYS  1  the root of the app's sessions
-- ARGV  1  the user   2  the hash of the id of the session that stays, or ''
-- Returns how many sessions were ended

local user, stays = ARGV[1], ARGV[2]
local CHUNK = 1000 -- what one command takes as arguments

local function each_chunk(list, act)
  for first = 1, #list, CHUNK do
    act({unpack(list, first, math.min(first + CHUNK - 1, #list))})
  end
end

local function without(list, one)
  local kept = {}
  for _, each in ipairs(list) do
    if each ~= one then kept[#kept + 1] = each end
  end
  return kept
end

local ended = 0
local kept = stays ~= '' and read(stays) or {}
local hashes = without(redis.call('ZRANGE', user_key(user), 0, -1), stays)
each_chunk(hashes, function(chunk)
  local keys = {}
  for i, hash in ipairs(chunk) do keys[i] = session_key(hash) end
  ended = ended + redis.call('UNLINK', unpack(keys))
  for _, device in ipairs(DEVICE_TYPES) do redis.call('ZREM', device_key(device), unpack(chunk)) end
  redis.call('ZREM', user_key(user), unpack(chunk))
end)

local families = without(redis.call('ZRANGE', families_key(user), 0, -1), kept.family)
each_chunk(families, function(chunk)
  local keys = {}
  for i, id in ipairs(chunk) do keys[i] = family_key(id) end
  redis.call('UNLINK', unpack(keys))
  redis.call('ZREM', families_key(user), unpack(chunk))
end)
return ended
