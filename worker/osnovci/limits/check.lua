-- Checks all limits of a request at one moment, and charges all of them or none.
--
-- KEYS  the windows, one a limit: logs, then ticks, then rings
-- ARGV  1  cost   2  '1' to charge, '0' only to look   3  how many are logs   4  how many logs or ticks
--       then for each window: max, window in ms, '1' where it is only tried (DryRun)
-- Returns {1 or 0, then for each window: remaining, ms until the next unit is free, ms until this cost
--   would be let through, 0 where it is}
--
-- A limit with retry > 0 has no room. All windows that are not tried need room, or nothing is written.
-- Windows that are tried are charged where all of them have room too, as if they were in force.
--
-- A value holds its newest moment in 6 bytes of ms. Time never runs back past it: a server whose clock
-- is set back counts on at that moment, and grants nothing twice. Forms:
--   log    each unit's moment in ms, 3 bytes of its end, 4 where a window is longer than 4.6 hours;
--          then the newest moment
--   ticks  the newest moment, 4 bytes of total, then runs of a sixtieth of the window: 1 byte of the
--          run's number's end, 4 of its units. All of a run are forgotten when the last of them may be.
--   ring   the newest moment, 4 bytes of where the oldest is, 4 of how many there are, then `max`
--          moments as in a log
-- What bytes mean depends on max and window in ways that the key names too (limit.py).
-- The log is in line, and what it does not need is not made: functions take as long as Redis itself.

local cost, charging, logs, plain = ARGV[1] + 0, ARGV[2] == '1', ARGV[3] + 0, ARGV[4] + 0
local call, write, read, sub = redis.call, struct.pack, struct.unpack, string.sub
local clock = call('TIME')
local at = clock[1] * 1000 + math.floor(clock[2] / 1000)
local NARROW, NEWEST = 16777216, 6

-- Gives the first of `count` moments, from 0, that still counts; most often it is near the front.
local function first_alive(count, gone_at, now)
  local low, high, step = 0, 0, 1
  while high < count and gone_at(high) <= now do low, high, step = high + 1, high + step, step * 2 end
  if high > count then high = count end
  while low < high do
    local middle = math.floor((low + high) / 2)
    if gone_at(middle) <= now then low = middle + 1 else high = middle end
  end
  return low
end

-- The forms of large limits: `look` fills in a window's now, used, reset_at and retry_at; `charge`
-- writes it, and gives when what is charged now is forgotten.
local look, charge, windows
if logs < #KEYS then
  local floor, byte, rep = math.floor, string.byte, string.rep
  local TICKS_HEAD, RING_HEAD, RUN = NEWEST + 4, NEWEST + 8, 5
  look, charge, windows = {}, {}, {}

  local function tick_of(w) return math.ceil(w.window / 60) end

  function look.ticks(w, value)
    if not value then return end
    local newest, total = read('<I6I4', value)
    if newest > at then w.now = newest end
    local tick = tick_of(w)
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
    local tick = tick_of(w)
    local run, rest, units = floor(w.now / tick), w.rest or '', cost
    if rest ~= '' and run == w.last then
      rest, units = sub(rest, 1, -RUN - 1), units + read('<I4', rest, #rest - 3)
    end
    local value = write('<I6I4', w.now, w.used + cost) .. rest .. write('<BI4', run % 256, units)
    local ends = (run + 1) * tick - 1 + w.window
    call('SET', w.key, value, 'PX', ends - at)
    return ends
  end

  local function width_of(w)
    if w.window < NARROW then return 3, 2 ^ 24, '<I3' end
    return 4, 2 ^ 32, '<I4'
  end

  function look.ring(w)
    local head = call('GETRANGE', w.key, 0, RING_HEAD - 1)
    if head == '' then return end
    local width, size, format = width_of(w)
    local newest, tail, count = read('<I6I4I4', head)
    if newest > at then w.now = newest end
    if w.now - newest >= w.window then return end
    local function gone_at(i)
      local from = RING_HEAD + (tail + i) % w.max * width
      local moment = read(format, call('GETRANGE', w.key, from, from + width - 1))
      return newest - (newest - moment) % size + w.window
    end
    local first = first_alive(count, gone_at, w.now)
    w.used, w.tail = count - first, (tail + first) % w.max
    if w.used > 0 then w.reset_at = gone_at(first) end
    local short = w.used + cost - w.max
    if short > 0 and w.used > 0 then w.retry_at = gone_at(first + math.min(short, w.used) - 1) end
  end

  function charge.ring(w)
    local width, size, format = width_of(w)
    local tail = w.used > 0 and w.tail or 0
    local slot, unit = (tail + w.used) % w.max, write(format, w.now % size)
    local straight = math.min(cost, w.max - slot)
    call('SETRANGE', w.key, RING_HEAD + slot * width, rep(unit, straight))
    if straight < cost then call('SETRANGE', w.key, RING_HEAD, rep(unit, cost - straight)) end
    call('SETRANGE', w.key, 0, write('<I6I4I4', w.now, tail, w.used + cost))
    call('PEXPIRE', w.key, w.now + w.window - at)
    return w.now + w.window
  end
end

local values = plain > 0 and call('MGET', unpack(KEYS, 1, plain)) or {}
local reply, nows, rests = {1}, {}, {}
local fits, tried_fit = true, true

for i = 1, #KEYS do
  local a, value = 3 * i + 2, values[i]
  local max, window = ARGV[a] + 0, ARGV[a + 1] + 0
  local now, used, reset_at, retry_at = at, 0, nil, nil
  if i > logs then
    local w = {key = KEYS[i], max = max, window = window, now = at, used = 0}
    w.form = i > plain and 'ring' or 'ticks'
    look[w.form](w, value)
    used, reset_at, retry_at, windows[i] = w.used, w.reset_at, w.retry_at, w
  elseif value then
    local width, size, format = 3, NARROW, '<I3'
    if window >= NARROW then width, size, format = 4, 4294967296, '<I4' end
    local newest = read('<I6', value, #value - 5)
    if newest > now then now = newest end
    local count, first = (#value - NEWEST) / width, 0
    reset_at = newest - (newest - read(format, value)) % size + window
    if reset_at <= now then
      local function gone_at(j)
        return newest - (newest - read(format, value, 1 + j * width)) % size + window
      end
      first = first_alive(count, gone_at, now)
      reset_at = first < count and gone_at(first) or nil
    end
    used = count - first
    local short = used + cost - max
    if short > 0 and used > 0 then
      local last = first + (short < used and short or used) - 1
      retry_at = newest - (newest - read(format, value, 1 + last * width)) % size + window
    end
    rests[i] = sub(value, 1 + first * width, -NEWEST - 1)
  end
  if used + cost > max then
    retry_at = retry_at or now + window  -- it costs more than the limit ever has
    if ARGV[a + 2] == '1' then tried_fit = false else fits = false end
  end
  local n = 3 * i
  nows[i], reply[n - 1], reply[n], reply[n + 1] = now, max - used, reset_at or at, retry_at or at
end

-- What is appended to a log, most often the same to all.
local unit, unit_now, unit_narrow

if not fits then reply[1] = 0 end
for i = 1, #KEYS do
  local a, n = 3 * i + 2, 3 * i
  if charging and fits and (tried_fit or ARGV[a + 2] ~= '1') then
    local now, ends = nows[i], nil
    if i > logs then
      ends = charge[windows[i].form](windows[i])
    else
      local window = ARGV[a + 1]
      ends = now + window
      local narrow = ends - now < NARROW
      if now ~= unit_now or narrow ~= unit_narrow then
        unit = narrow and write('<I3I6', now % NARROW, now) or write('<I4I6', now % 4294967296, now)
        if cost > 1 then unit = string.rep(sub(unit, 1, -NEWEST - 1), cost - 1) .. unit end
        unit_now, unit_narrow = now, narrow
      end
      call('SET', KEYS[i], (rests[i] or '') .. unit, 'PX', now == at and window or ends - at)
    end
    if reply[n - 1] == ARGV[a] + 0 then reply[n] = ends end
    reply[n - 1] = reply[n - 1] - cost
  end
  if reply[n - 1] < 0 then reply[n - 1] = 0 end
  reply[n], reply[n + 1] = reply[n] - at, reply[n + 1] - at
end
return reply
