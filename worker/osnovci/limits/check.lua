-- Checks all limits of a request at one moment, and charges all of them or none.
--
-- KEYS  the windows, one a limit: logs, then ticks, then rings
-- ARGV  1  cost, negative to look only   2  how many are no logs   3  how many of those are rings
--       then for each window: max, negative where it is only tried (DryRun); window in ms
-- Returns for each log: ms until the next unit is free, times 256, and remaining; for each other window:
--   remaining, ms until the next unit is free. Then, only where a window has no room, for each: ms until
--   this cost would be let through, 0 where it is. Zeros may follow. Of one log alone, the third number
--   is the moment, in ms, at which it was charged.
--
-- All windows that are not tried need room, or nothing is written. Windows that are tried are charged
-- where all of them have room too, as if they were in force.
--
-- A value holds its newest moment in ms. Time never runs back past it: a server whose clock is set back
-- counts on at that moment, and grants nothing twice. Forms:
--   log    each unit's moment: 6 bytes of the first, of the others the last 3, or the last 4 where a
--          window in ms has more than 7 digits (2.8 hours). Where the first has TAKEN_BACK added, what
--          stands last is a moment alone, of a unit that refund.lua took back.
--   ticks  the newest moment in 6 bytes, 4 of total, then runs of a sixtieth of the window: 1 byte of the
--          run's number's end, 4 of its units. All of a run are forgotten when the last of them may be.
--   ring   the newest moment in 6 bytes, 4 of where the oldest is, 4 of how many there are, then `max`
--          moments' last bytes, as many as in a log
-- What bytes mean depends on max and window in ways that the key names too (limit.py).
-- Logs are in line, and most often a charge only adds behind what is there. What they do not need is not
-- made or reckoned: Lua hashes every byte of a text, a table that grows costs a tenth of a SET, and ten
-- steps for each window a hundredth of the whole.

local KEYS, ARGV = KEYS, ARGV
local call, write, read, sub = redis.call, struct.pack, struct.unpack, string.sub
local cost = ARGV[1] + 0
local charging = cost > 0
if not charging then cost = -cost end
local clock = call('TIME')
local micro = clock[2] + 0
local at = clock[1] * 1000 + (micro - micro % 1000) / 1000
local NEWEST, NARROW, TAKEN_BACK = 6, 7, 2 ^ 47
local logs, plain = #KEYS, #KEYS

-- The forms of large limits: `look` fills in a window's now, used, reset_at and retry_at; `charge`
-- writes it, and gives when what is charged now is forgotten.
local look, charge, windows
if ARGV[2] ~= '0' then
  logs, plain = logs - ARGV[2], plain - ARGV[3]
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

local values
if plain == 3 then
  -- A request most often meets three, and unpack costs a hundredth of them.
  values = call('MGET', KEYS[1], KEYS[2], KEYS[3])
else
  values = plain == 0 and {} or call('MGET', unpack(KEYS, 1, plain))
end
local fits, tried_fit = true, true
local reply, retries = {0, 0, 0}, nil

-- Each log becomes what it is when charged, and its reply what it is then; `behind` is what most are
-- charged with. The last bytes of unit k, from 0 on, begin at 7 - width + k * width.
local n, behind = 4, write('>I3', at % 16777216)
if cost > 1 then behind = string.rep(behind, cost) end
for i = 1, logs do
  local value, window = values[i], ARGV[n + 1]
  local width, size, moment, unit = 3, 16777216, '>I3', behind
  if #window > NARROW then
    width, size, moment = 4, 4294967296, '>I4'
    unit = string.rep(write(moment, at % size), cost)
  end
  local count, reset
  if value then
    local length, oldest = #value, read('>I6', value)
    local age, span = at - oldest, (read(moment, value, length - width + 1) - oldest) % size
    count = (length - 6) / width + 1
    reset = window - age
    if reset > 0 and span <= age then
      values[i] = value .. unit
    else
      if oldest >= TAKEN_BACK then
        oldest, age, count = oldest - TAKEN_BACK, age + TAKEN_BACK, count - 1
        value, reset = write('>I6', oldest) .. sub(value, 7, -width - 1), window - age
      end
      local ahead = 0
      if span > age then
        ahead = span - age
        unit = string.rep(write(moment, (oldest + span) % size), cost)
        ARGV[n + 1] = ahead + window
      end
      local first, later, gone, base = 0, 0, ahead - reset, 7 - width
      if gone >= 0 then
        -- The first that still counts is most often the next, or near.
        first, later = 1, count > 1 and (read(moment, value, 7) - oldest) % size
        if later and later <= gone then
          local high, step = count, 2
          first = 2
          while step < high and (read(moment, value, base + step * width) - oldest) % size <= gone do
            first, step = step + 1, step * 2
          end
          if step < high then high = step end
          while first < high do
            local middle = (first + high - (first + high) % 2) / 2
            if (read(moment, value, base + middle * width) - oldest) % size <= gone then
              first = middle + 1
            else
              high = middle
            end
          end
          later = first < count and (read(moment, value, base + first * width) - oldest) % size
        end
      end
      if later then
        count, reset = count - first, reset + later
        values[i] = write('>I6', oldest + later) .. sub(value, 7 + first * width) .. unit
      else
        count, reset = 0, ahead + window
        values[i] = write('>I6', at + ahead) .. sub(unit, width + 1)
      end
    end
  else
    count, reset = 0, window + 0
    values[i] = write('>I6', at) .. sub(unit, width + 1)
  end
  local left = ARGV[n] - count - cost
  if left < 0 then
    local max = ARGV[n] + 0
    if max < 0 then left = left - 2 * max end
    if left < 0 then
      if max < 0 then tried_fit = false else fits = false end
      retries = retries or {}
      retries[i] = reset
      -- What costs more than the limit ever has waits until all are forgotten, and longer.
      local value, short = values[i], left < -count and count or -left
      if short > 1 then
        local later = read(moment, value, 7 + (short - 2) * width) - read('>I6', value)
        retries[i] = reset + later % size
      end
      left = left > -cost and left + cost or 0
    end
  end
  reply[i] = reset * 256 + left
  n = n + 2
end

for i = logs + 1, #KEYS do
  local max, window = ARGV[n] + 0, ARGV[n + 1] + 0
  local w = {key = KEYS[i], max = math.abs(max), window = window, now = at, used = 0}
  w.form = i > plain and 'ring' or 'ticks'
  look[w.form](w, values[i])
  windows[i] = w
  local left = w.max - w.used
  if left < cost then
    retries = retries or {}
    retries[i] = (w.retry_at or at + window) - at
    if max < 0 then tried_fit = false else fits = false end
    if left < 0 then left = 0 end
  end
  reply[2 * i - logs - 1], reply[2 * i - logs] = left, w.reset_at and w.reset_at - at or 0
  n = n + 2
end

local charged = fits and charging
if not (charged and tried_fit) then
  -- All logs stay as they are, or those that are tried.
  for i = 1, logs do
    local max = ARGV[2 * i + 2] + 0
    if not charged or max < 0 then
      values[i] = nil
      if not retries or not retries[i] then
        local left = reply[i] % 256 + cost
        reply[i] = left == math.abs(max) and left or reply[i] + cost
      end
    end
  end
end
if charged then
  for i = 1, logs do
    local value = values[i]
    if value then call('SET', KEYS[i], value, 'PX', ARGV[2 * i + 3]) end
  end
  for i = logs + 1, #KEYS do
    if tried_fit or ARGV[2 * i + 2] + 0 > 0 then
      local left, ends = 2 * i - logs - 1, charge[windows[i].form](windows[i]) - at
      reply[left] = reply[left] - cost
      if reply[left + 1] == 0 then reply[left + 1] = ends end
    end
  end
  if #KEYS == 1 and logs == 1 and not retries then reply[3] = at end
end

if retries then
  local ends = 2 * #KEYS - logs
  for i = 1, #KEYS do reply[ends + i] = retries[i] or 0 end
end
return reply
