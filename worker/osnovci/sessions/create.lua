-- Makes a session under a new id, in place of the one that the visitor came with.
--
-- KEYS  1  the root of the app's sessions
-- ARGV  1  the hash of the new id      2  the login, as JSON
--       3  sliding lifetime, ms        4  absolute lifetime, ms, also that of refresh tokens
--       5  the most sessions of a user, 0 is any number
--       6  the hash of the id that it replaces, or ''
--       7  the id of a new family of refresh tokens, or ''
-- Returns the session's document

local login = cjson.decode(ARGV[2])
local ttl, lifetime, most = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

-- Whoever logs in ends what was there, also where it was another user's.
if ARGV[6] ~= '' then
  local before = read(ARGV[6])
  if before then finish(ARGV[6], before.user_id) end
end

login.family = ARGV[7]
local text = begin(ARGV[1], login, ttl, lifetime, most)
if ARGV[7] ~= '' then
  redis.call('HSET', family_key(ARGV[7]), 'user', login.user_id, 'generation', 1, 'rotated_ms', 0,
    'session', ARGV[1], 'login', ARGV[2])
  remember(ARGV[7], login.user_id, lifetime)
end
return text
