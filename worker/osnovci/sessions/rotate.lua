-- Gives a session another id, and what changed of its user; the old id is worth nothing any more.
--
-- KEYS  1  the root of the app's sessions
-- ARGV  1  the hash of the old id   2  that of the new one
--       3  fields of the login that change, as JSON   4  sliding lifetime, ms
-- Returns the session's document, or nothing where there is no session of the old id

local session = read(ARGV[1])
if not session or session.ends_at_ms <= now then return false end
local changes = cjson.decode(ARGV[3])
for name, value in pairs(changes) do session[name] = value end
remove(ARGV[1], session.user_id)
local text = write(ARGV[2], session, tonumber(ARGV[4]))
local family = session.family or ''
if family ~= '' and redis.call('EXISTS', family_key(family)) == 1 then
  local login = cjson.decode(redis.call('HGET', family_key(family), 'login'))
  for name, value in pairs(changes) do login[name] = value end
  redis.call('HSET', family_key(family), 'session', ARGV[2], 'login', cjson.encode(login))
end
return text
