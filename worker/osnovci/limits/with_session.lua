-- Reads the session of a request and renews it, and holds the request against its limits.
--
-- KEYS  1  the session, then the windows as in the script below; then as many others for the same
--          limits, which count where the session is gone, unless they are the same
-- ARGV  those of the script below, then the session's sliding lifetime in ms, and how many windows
-- Returns {what the script below does, the session's document or nothing}
--
-- An old token of a user's, whoever has it, so uses up none of the user's limits.

local session = redis.call('GETEX', KEYS[1], 'PX', ARGV[#ARGV - 1])
local count = ARGV[#ARGV] + 0
local first = session and 2 or #KEYS - count + 1
local KEYS = {unpack(KEYS, first, first + count - 1)}

local function check()
-- check.lua
end

return {check(), session}
