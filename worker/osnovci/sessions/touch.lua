-- Renews the indexes and the last activity of a session, unless somebody did a while ago.
--
-- KEYS  1  the root of the app's sessions
-- ARGV  1  the hash of its id   2  sliding lifetime, ms   3  how often at most, ms
-- Returns whether it was renewed, 1 or 0

local session = read(ARGV[1])
if not session or now - session.last_activity_ms < tonumber(ARGV[3]) then return 0 end
write(ARGV[1], session, tonumber(ARGV[2]))
return 1
