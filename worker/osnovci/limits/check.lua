-- Checks all limits of a request at one moment, and charges all of them or none.
--
-- KEYS  the windows, one a limit; those of rings last
-- ARGV  1  cost   2  '1' to charge, '0' only to look   3  how many windows are no rings
--       then for each window: its form, max, window in ms, '1' where it is only tried (DryRun)
-- Returns {1 or 0, then for each window: remaining, ms until the next unit is free, ms until this cost
--   would be let through, 0 where it is}
--
-- A limit with retry > 0 has no room. All windows that are not tried need room, or nothing is written.
-- Windows that are tried are charged where all of them have room too, as if they were in force.
--
-- A value begins with the newest moment that it holds, in 6 bytes of ms. Time never runs back past it:
-- a server whose clock is set back counts on at that moment, and grants nothing twice.
-- Forms, and what follows the newest moment:
--   log    each unit's moment in ms, 3 bytes of its end, 4 where a window is longer than 4.6 hours
--   ticks  4 bytes of total, then runs of a sixtieth of the window: 1 byte of the run's number's end,
--          4 of its units. All of a run are forgotten when the last of them may be.
--   ring   4 bytes of where the oldest is, 4 of how many there are, then `max` moments as in a log
-- What bytes mean depends on max and window in ways that the key names too (limit.py).

local cost, charging = tonumber(ARGV[1]), ARGV[2] == '1'
local call, write, read = redis.call, struct.pack, struct.unpack
local floor, byte, sub, rep = math.floor, string.byte, string.sub, string.rep
local clock = call('TIME')
local at = clock[1] * 1000 + floor(clock[2] / 1000)
local NEWEST, TICKS_HEAD, RING_HEAD, TICKS, RUN = 6, 10, 14, 60, 5

local function width_of(window)
  if window < 16777216 then return 3, 16777216, '<I3' end
  return 4, 4294967296, '<I4'
end

-- Gives the first of `count` moments, from 0, that still counts; most often it is near the front.
local function first_alive(count, gone_at, now)
  local low, high, step = 0, 0, 1
  while high < count and gone_at(high) <= now do low, high, step = high + 1, high + step, step * 2 end
  if high > count then high = count end
  while low < high do
    local middle = floor((low + high) / 2)
    if gone_at(middle) <= now then low = middle + 1 else high = middle end
  end
  return low
end

-- Gives of `count` moments how many are gone, when the next one is, and when `cost` would fit.
local function judge(count, gone_at, max, now)
  local first = first_alive(count, gone_at, now)
  local used, retry_at = count - first, nil
  local short = used + cost - max
  if short > 0 then retry_at = gone_at(first + math.min(short, used) - 1) end
  return first, used, used > 0 and gone_at(first) or nil, retry_at
end

local look, charge = {}, {}

function look.log(w, value)
  local width, size, format = width_of(w.window)
  local newest = read('<I6', value)
  if newest > at then w.now = newest end
  local function gone_at(i)
    return newest - (newest - read(format, value, NEWEST + 1 + i * width)) % size + w.window
  end
  local first
  first, w.used, w.reset_at, w.retry_at = judge((#value - NEWEST) / width, gone_at, w.max, w.now)
  w.rest = sub(value, NEWEST + 1 + first * width)
end

function charge.log(w)
  local _, size, format = width_of(w.window)
  local units = rep(write(format, w.now % size), cost)
  call('SET', w.key, write('<I6', w.now) .. (w.rest or '') .. units, 'PX', w.ends - at)
end

function look.ticks(w, value)
  local newest, total = read('<I6I4', value)
  if newest > at then w.now = newest end
  local tick = math.ceil(w.window / TICKS)
  local last, from = floor(newest / tick), TICKS_HEAD + 1
  local function gone_at(position)
    local run = last - (last - byte(value, position)) % 256
    return (run + 1) * tick - 1 + w.window
  end
  while from < #value and gone_at(from) <= w.now do
    total, from = total - read('<I4', value, from + 1), from + RUN
  end
  w.used, w.rest, w.last = total, sub(value, from), last
  if total > 0 then w.reset_at = gone_at(from) end
  local short, position = total + cost - w.max, from
  while short > 0 and position < #value do
    short, w.retry_at = short - read('<I4', value, position + 1), gone_at(position)
    position = position + RUN
  end
end

function charge.ticks(w)
  local run, rest, units = floor(w.now / math.ceil(w.window / TICKS)), w.rest or '', cost
  if rest ~= '' and run == w.last then
    rest, units = sub(rest, 1, -RUN - 1), units + read('<I4', rest, #rest - 3)
  end
  local value = write('<I6I4', w.now, w.used + cost) .. rest .. write('<BI4', run % 256, units)
  call('SET', w.key, value, 'PX', w.ends - at)
end

function look.ring(w)
  local head = call('GETRANGE', w.key, 0, RING_HEAD - 1)
  if head == '' then return end
  local width, size, format = width_of(w.window)
  local newest, tail, count = read('<I6I4I4', head)
  if newest > at then w.now = newest end
  if w.now - newest >= w.window then return end
  local function gone_at(i)
    local from = RING_HEAD + (tail + i) % w.max * width
    local moment = read(format, call('GETRANGE', w.key, from, from + width - 1))
    return newest - (newest - moment) % size + w.window
  end
  local first
  first, w.used, w.reset_at, w.retry_at = judge(count, gone_at, w.max, w.now)
  w.tail = (tail + first) % w.max
end

function charge.ring(w)
  local width, size, format = width_of(w.window)
  local tail = w.used > 0 and w.tail or 0
  local slot, unit = (tail + w.used) % w.max, write(format, w.now % size)
  local straight = math.min(cost, w.max - slot)
  call('SETRANGE', w.key, RING_HEAD + slot * width, rep(unit, straight))
  if straight < cost then call('SETRANGE', w.key, RING_HEAD, rep(unit, cost - straight)) end
  call('SETRANGE', w.key, 0, write('<I6I4I4', w.now, tail, w.used + cost))
  call('PEXPIRE', w.key, w.ends - at)
end

local plain = tonumber(ARGV[3])
local values = plain > 0 and call('MGET', unpack(KEYS, 1, plain)) or {}
local windows, fits, tried_fit = {}, true, true
for i = 1, #KEYS do
  local a = 4 * i
  local w = {key = KEYS[i], form = ARGV[a], max = tonumber(ARGV[a + 1]), window = tonumber(ARGV[a + 2]),
    tried = ARGV[a + 3] == '1', now = at, used = 0}
  if i > plain or values[i] then look[w.form](w, values[i]) end
  -- when what is charged now is forgotten
  w.ends = w.now + w.window
  if w.form == 'ticks' then
    local tick = math.ceil(w.window / TICKS)
    w.ends = (floor(w.now / tick) + 1) * tick - 1 + w.window
  end
  if w.used + cost > w.max then
    w.retry_at = w.retry_at or w.ends  -- it costs more than the limit ever has
    if w.tried then tried_fit = false else fits = false end
  end
  windows[i] = w
end

local reply = {fits and 1 or 0}
for i = 1, #windows do
  local w = windows[i]
  local charged = charging and fits and (tried_fit or not w.tried)
  if charged then charge[w.form](w) end
  local left = w.max - w.used - (charged and cost or 0)
  local n = 3 * i
  reply[n - 1] = left > 0 and left or 0
  reply[n] = (w.reset_at or (charged and w.ends) or at) - at
  reply[n + 1] = (w.retry_at or at) - at
end
return reply
