-- Checks all limits of a request at one moment, and charges all of them or none.
--
-- KEYS  the windows, one a limit: logs, then ticks, then rings
-- ARGV  1  cost, negative to look only   2  how many are logs   3  how many are logs or ticks
--       then for each window: max, negative where it is only tried (DryRun); window in ms
-- Returns {1 or 0, then for each window: remaining, ms until the next unit is free}, and where a window
--   has no room, for each: ms until this cost would be let through, 0 where it is
--
-- All windows that are not tried need room, or nothing is written. Windows that are tried are charged
-- where all of them have room too, as if they were in force.
--
-- A value holds its newest moment in 6 bytes of ms. Time never runs back past it: a server whose clock
-- is set back counts on at that moment, and grants nothing twice. Forms:
--   log    the newest moment, then each unit's in ms, 3 bytes of its end, 4 where a window in ms has
--          more than 7 digits (2.8 hours)
--   ticks  the newest moment, 4 bytes of total, then runs of a sixtieth of the window: 1 byte of the
--          run's number's end, 4 of its units. All of a run are forgotten when the last of them may be.
--   ring   the newest moment, 4 bytes of where the oldest is, 4 of how many there are, then `max`
--          moments as in a log
-- What bytes mean depends on max and window in ways that the key names too (limit.py).
-- The log is in line, and what it does not need is not made: a function or a table that grows costs as
-- much as a tenth of a SET.

local KEYS, ARGV = KEYS, ARGV
local call, write, read, sub = redis.call, struct.pack, struct.unpack, string.sub
local cost, logs, plain = ARGV[1] + 0, ARGV[2] + 0, ARGV[3] + 0
local charging = cost > 0
if not charging then cost = -cost end
local clock = call('TIME')
local micro = clock[2] + 0
local at = clock[1] * 1000 + (micro - micro % 1000) / 1000
local NEWEST, NARROW = 6, 7

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

  local function width_of(w)
    if w.window < 10 ^ NARROW then return 3, 2 ^ 24, '<I3' end
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
local fits, tried_fit = true, true
local reply, nows, retries = {1, 0, 0, 0, 0, 0, 0}, nil, nil

local n = 2
for i = 1, #KEYS do
  local value, max, window = values[i], ARGV[n + 2] + 0, ARGV[n + 3]
  local left, reset, retry = max, 0, nil
  if max < 0 then left = -max end
  if i > logs then
    local w = {key = KEYS[i], max = left, window = window + 0, now = at, used = 0}
    w.form = i > plain and 'ring' or 'ticks'
    look[w.form](w, value)
    windows[i], left = w, left - w.used
    reset, retry = w.reset_at and w.reset_at - at or 0, w.retry_at and w.retry_at - at
  elseif value then
    local width, size, moment, both = 3, 16777216, '<I3', '<I6I3'
    if #window > NARROW then width, size, moment, both = 4, 4294967296, '<I4', '<I6I4' end
    local newest, oldest = read(both, value)
    -- A unit that is older than this, by the newest, is forgotten.
    local last, ahead, from = newest - at + window, 0, 7
    if newest > at then
      nows = nows or {}
      nows[i], last, ahead = newest, window + 0, newest - at
    end
    local age, length = (newest - oldest) % size, #value
    if age >= last then
      -- The first that still counts is most often the next, or near.
      local low, high, step = 1, (length - 6) / width, 1
      while step < high and (newest - read(moment, value, 7 + step * width)) % size >= last do
        low, step = step + 1, step * 2
      end
      if step < high then high = step end
      while low < high do
        local middle = (low + high - (low + high) % 2) / 2
        if (newest - read(moment, value, 7 + middle * width)) % size >= last then
          low = middle + 1
        else
          high = middle
        end
      end
      from = 7 + low * width
      age = from < length and (newest - read(moment, value, from)) % size
    end
    if age then
      local used = (length + 1 - from) / width
      left, reset = left - used, last - age + ahead
      if left < cost then
        local short = cost - left
        if short > used then short = used end
        retry = last - (newest - read(moment, value, from + (short - 1) * width)) % size + ahead
      end
    end
    values[i] = sub(value, from)
  end
  if left < cost then
    retries = retries or {}
    -- One that costs more than the limit ever has waits until it is empty, and longer.
    retries[i] = retry or (nows and nows[i] or at) + window - at
    if max < 0 then tried_fit = false else fits = false end
    if left < 0 then left = 0 end
  end
  reply[n], reply[n + 1], n = left, reset, n + 2
end

if not fits then
  reply[1] = 0
elseif charging then
  -- What is put before and behind a log, most often the same to all.
  local head, unit, made_at, made_wide
  for i = 1, #KEYS do
    local n = 2 * i
    if tried_fit or ARGV[n + 2] + 0 > 0 then
      local window, ends = ARGV[n + 3], nil
      if i > logs then
        ends = charge[windows[i].form](windows[i]) - at
      else
        local now, wide = nows and nows[i] or at, #window > NARROW
        if now ~= made_at or wide ~= made_wide then
          head, made_at, made_wide = write('<I6', now), now, wide
          unit = wide and write('<I4', now % 4294967296) or write('<I3', now % 16777216)
          if cost > 1 then unit = string.rep(unit, cost) end
        end
        ends = now == at and window or now - at + window
        call('SET', KEYS[i], head .. (values[i] or '') .. unit, 'PX', ends)
      end
      if reply[n + 1] == 0 then reply[n + 1] = ends + 0 end
      reply[n] = reply[n] - cost
    end
  end
end

if retries then
  for i = 1, #KEYS do reply[n + i - 1] = retries[i] or 0 end
end
return reply
