-- Takes back what was charged at a moment: it turned out to be none of what the limit counts.
--
-- KEYS  1  the window, a log as in check.lua
-- ARGV  1  the moment, in ms   2  how many units   3  the window's length in ms
-- Returns how many units were taken back
--
-- Units of one moment are all alike. What check.lua put under another moment, since the server's clock
-- had been set back, is not found and stays.

local value = redis.call('GET', KEYS[1])
if not value then return 0 end
local moment, most = ARGV[1] + 0, ARGV[2] + 0
local width, size, format = 3, 2 ^ 24, '<I3'
if #ARGV[3] > 7 then width, size, format = 4, 2 ^ 32, '<I4' end
local age = struct.unpack('<I6', value) - moment
if age < 0 or age >= ARGV[3] + 0 then return 0 end

local HEAD = 6
local unit, last = struct.pack(format, moment % size), 0
for from = #value - width + 1, HEAD + 1, -width do
  local found = string.sub(value, from, from + width - 1)
  if found == unit then
    last = from + width - 1
    break
  end
end
local first = last + 1
while first - width > HEAD and (last + 1 - first) / width < most
    and string.sub(value, first - width, first - 1) == unit do
  first = first - width
end
if last == 0 or first > last then return 0 end

local rest = string.sub(value, 1, first - 1) .. string.sub(value, last + 1)
if #rest > HEAD then
  redis.call('SET', KEYS[1], rest, 'KEEPTTL')
else
  redis.call('DEL', KEYS[1])
end
return (last + 1 - first) / width
