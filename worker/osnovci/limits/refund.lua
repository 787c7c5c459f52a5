-- Takes back what was charged at a moment: it turned out to be none of what the limit counts.
--
-- KEYS  1  the window, a log as in check.lua
-- ARGV  1  the moment, in ms   2  how many units   3  the window's length in ms
-- Returns how many units were taken back
--
-- Units of one moment are all alike. What check.lua put under another moment, since the server's clock
-- had been set back, is not found and stays. Where the newest is taken back, its moment stays behind the
-- others, so that time does not run back.

local value = redis.call('GET', KEYS[1])
if not value then return 0 end
local moment, most = ARGV[1] + 0, ARGV[2] + 0
local width, size, format = 3, 2 ^ 24, '>I3'
if #ARGV[3] > 7 then width, size, format = 4, 2 ^ 32, '>I4' end
local TAKEN_BACK = 2 ^ 47
local oldest = struct.unpack('>I6', value)
local is_marked = oldest >= TAKEN_BACK
if is_marked then oldest = oldest - TAKEN_BACK end

local newest = string.sub(value, -width)
local age = oldest + (struct.unpack(format, newest) - oldest) % size - moment
if moment < oldest or age < 0 or age >= ARGV[3] + 0 then return 0 end

local units = string.sub(value, 7 - width, is_marked and -width - 1 or -1)
local unit, last = struct.pack(format, moment % size), 0
for from = #units - width + 1, 1, -width do
  if string.sub(units, from, from + width - 1) == unit then
    last = from + width - 1
    break
  end
end
local first = last + 1
while first > width and (last + 1 - first) / width < most
    and string.sub(units, first - width, first - 1) == unit do
  first = first - width
end
if last == 0 or first > last then return 0 end

local rest = string.sub(units, 1, first - 1) .. string.sub(units, last + 1)
if rest == '' then
  redis.call('DEL', KEYS[1])
else
  oldest = oldest + (struct.unpack(format, rest) - oldest) % size
  if is_marked or last == #units then
    oldest, rest = oldest + TAKEN_BACK, rest .. newest
  end
  redis.call('SET', KEYS[1], struct.pack('>I6', oldest) .. string.sub(rest, width + 1), 'KEEPTTL')
end
return (last + 1 - first) / width
