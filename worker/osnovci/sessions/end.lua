-- Ends one session or one family of a user; what is another user's stays.
--
-- KEYS  1  the root of the app's sessions
-- ARGV  1  the user   2  the hash of the session's id, or the id of the family
-- Returns whether there was one, 1 or 0

local user, handle = ARGV[1], ARGV[2]
local session = read(handle)
if session then
  if session.user_id ~= user then return 0 end
  finish(handle, user)
  return 1
end
if redis.call('HGET', family_key(handle), 'user') ~= user then return 0 end
local current = redis.call('HGET', family_key(handle), 'session')
remove(current, user)
end_family(user, handle)
return 1
