-- Counts the live sessions by device type, from an index that lags by a minute at most.
--
-- KEYS  1  the root of the app's sessions
-- ARGV  none
-- Returns a flat list of device types and counts

local found = {}
for _, device in ipairs(DEVICE_TYPES) do
  found[#found + 1] = device
  local from, to = ERAS[device] + now, ERAS[device] + ERA_MS
  found[#found + 1] = redis.call('ZCOUNT', devices_key, '(' .. score(from), '(' .. score(to))
end
return found
