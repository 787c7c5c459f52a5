"""What our script is held against: the least that anybody can do, and sorted sets as recipes have them."""

FLOOR = """
local told = {ARGV[#ARGV - 1], ARGV[#ARGV]}
local values = redis.call('MGET', unpack(KEYS))
local unit = struct.pack('<I3', told[1] * 1000 % 16777216)
for i = 1, #KEYS do
  redis.call('SET', KEYS[i], string.sub(values[i] or '123456789', 4) .. unit, 'PX', ARGV[2 * i + 3])
end
return {230400099, 15360059, 921600019}
"""
"""It writes values of the same length, and gives an answer of the same length.

The values are new ones, as those of every limiter: Lua keeps each text once, and one that it has
already costs it nothing to make. It does not ask for the time; that a clock is told costs all the same.
"""

SAME_LETTERS = FLOOR.replace("struct.pack('<I3', told[1] * 1000 % 16777216)", "'abc'")
"""The same, and each value is soon the same letters, which Lua has already: no limiter is."""

SORTED_SETS = """
local call = redis.call
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local reply, fits = {1}, true
for i = 1, #KEYS do
  local most, window = tonumber(ARGV[2 * i + 2]), tonumber(ARGV[2 * i + 3])
  local used, reset = 0, 0
  local oldest = call('ZRANGE', KEYS[i], '0', '0', 'WITHSCORES')
  if oldest[2] and oldest[2] + window <= now then
    call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now - window)
    oldest = call('ZRANGE', KEYS[i], '0', '0', 'WITHSCORES')
  end
  if oldest[2] then
    used, reset = call('ZCARD', KEYS[i]), oldest[2] + window - now
  end
  if used >= most then fits = false end
  reply[2 * i], reply[2 * i + 1] = most - used, reset
end
if not fits then reply[1] = 0 return reply end
local score = string.format('%.0f', now)
for i = 1, #KEYS do
  call('ZADD', KEYS[i], score, ARGV[1])
  call('PEXPIRE', KEYS[i], ARGV[2 * i + 3])
  reply[2 * i] = reply[2 * i] - 1
  if reply[2 * i + 1] == 0 then reply[2 * i + 1] = tonumber(ARGV[2 * i + 3]) end
end
return reply
"""
"""It gives the answers that ours gives, which the headers need: what is left, and when the next is free.

So it reads the oldest member, as tj/node-ratelimiter does at every request (peterkhayes/rolling-rate-limiter
reads them all), and as public scripts do that tell X-RateLimit-Reset or an exact Retry-After. Its members
are ids that the caller makes (ARGV 1), as in rolling-rate-limiter and PyrateLimiter: two requests of one
moment are else one member. It is quicker than those: it removes only where the oldest has to go, formats
the score once, and gives ranks as texts, since Redis 7 formats a number dearly.
"""

ONLY_LEFT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local reply, fits = {1}, true
for i = 1, #KEYS do
  local most, window = tonumber(ARGV[2 * i + 2]), tonumber(ARGV[2 * i + 3]) * 1000
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now - window)
  local used = redis.call('ZCARD', KEYS[i])
  if used >= most then fits = false end
  reply[i + 1] = most - used
end
if not fits then reply[1] = 0 return reply end
for i = 1, #KEYS do
  redis.call('ZADD', KEYS[i], now, time[1] .. '-' .. time[2])
  redis.call('PEXPIRE', KEYS[i], ARGV[2 * i + 3])
end
return reply
"""
"""It says only how many are left: no X-RateLimit-Reset and no Retry-After can be told from it."""
