-- Counts the live sessions by device type, from indexes that lag by a minute at most.
--
-- KEYS  1  the root of the app's sessions
-- ARGV  none
-- Returns a flat list of device types and counts

local found = {}
for _, device in ipairs(DEVICE_TYPES) do
  found[#found + 1] = device
  found[#found + 1] = redis.call('ZCOUNT', device_key(device), '(' .. score(now), '+inf')
end
return found
