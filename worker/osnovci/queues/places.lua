-- Walks through the places of queues, a piece a call, and names what is not as its job's record says; writes nothing.
--
-- ARGV  2  how many entries to look at, about      3  where to go on: "QUEUE PLACE CURSOR", at first "1 1 0"
--       4  seconds after which a lease that ended counts as none
--       5 ..  queues
-- Returns [where to go on or false at the end,
--       [[queue, entries], ...] of the places that were begun,
--       [[job, queue, 1: its record had its time], ...] that seem odd,
--       [[worker, queue], ...] that hold jobs without a lease,
--       [job, ...] of rq's lists,
--       [[queue, why a place of it cannot be read], ...]]

local PIECE = tonumber(ARGV[2])
local PLACES = {'queue', 'priority', 'wip', 'finished', 'failed', 'canceled', 'deferred', 'scheduled', 'ready'}
local STATUS = {queue = 'queued', priority = 'queued', wip = 'started', ready = 'ready_to_enqueue'}
local ENDS = {finished = true, failed = true, canceled = true}
local LATE_SECONDS = tonumber(ARGV[4])

local queues = {unpack(ARGV, 5)}
local sizes, odd, unleased, listed, broken = {}, {}, {}, {}, {}
local noted = {}

local function key_of(place, queue)
  return (place == 'priority' and P or 'rq:') .. place .. ':' .. queue
end

local function note_lease(worker, queue)
  if noted[worker] then return end
  noted[worker] = true
  local ends = call('ZSCORE', P .. 'leases', worker)
  if ends and tonumber(ends) >= (now - LATE_SECONDS) * 1000 then return end
  local uptime = tonumber(string.match(call('INFO', 'server'), 'uptime_in_seconds:(%d+)'))
  if not ends or uptime > LATE_SECONDS then unleased[#unleased + 1] = {worker, queue} end
end

local function look(queue, place, member, mark)
  local id = place == 'wip' and string.match(member, '^(.*):.-$') or member
  local f = redis.pcall('HMGET', job_key(id), 'status', 'origin', 'execution', 'worker_name')
  local status = not f.err and f[1]
  local fine = status == (STATUS[place] or place) or (status == 'stopped' and place == 'failed')
  if place == 'deferred' and stranded(id) then fine = false end
  if not fine or f[2] ~= queue then
    local had_its_time = not status and ENDS[place] and (tonumber(mark) or math.huge) < now + 1
    odd[#odd + 1] = {id, queue, had_its_time and 1 or 0}
  elseif place == 'wip' and f[3] then
    local worker = f[4] or ''
    local held = member == id .. ':' .. f[3] and call('SISMEMBER', P .. 'held:' .. worker, member) == 1
    if held then note_lease(worker, queue) else odd[#odd + 1] = {id, queue, 0} end
  end
end

-- rq's lists are read from their end: what is taken in front meanwhile moves nothing that is still to come.
local function read_list(key, cursor)
  local read = tonumber(cursor)
  local ids = redis.pcall('LRANGE', key, -read - PIECE, -read - 1)
  if ids.err then return ids end
  return {#ids > 0 and read + #ids or 0, ids}
end

local function step(queue, place, cursor)
  local key = key_of(place, queue)
  local list = place == 'queue'
  if cursor == '0' then
    local size = redis.pcall(list and 'LLEN' or 'ZCARD', key)
    if type(size) == 'number' and size > 0 then sizes[#sizes + 1] = {queue, size} end
    if size == 0 then return '0', 0 end
  end
  local reply = list and read_list(key, cursor) or redis.pcall('ZSCAN', key, cursor, 'COUNT', PIECE)
  if reply.err then
    broken[#broken + 1] = {queue, key .. ': ' .. reply.err}
    return '0', 0
  end
  local entries, width = reply[2], list and 1 or 2
  for i = 1, #entries, width do
    if list then listed[#listed + 1] = entries[i] end
    look(queue, place, entries[i], entries[i + 1])
  end
  return tostring(reply[1]), #entries / width
end

local q, place, cursor = string.match(ARGV[3], '^(%d+) (%d+) (%d+)$')
q, place = tonumber(q), tonumber(place)
local left = PIECE
while queues[q] and left > 0 do
  local seen
  cursor, seen = step(queues[q], PLACES[place], cursor)
  left = left - seen - 1
  if cursor == '0' then place = place + 1 end
  if place > #PLACES then q, place = q + 1, 1 end
end
return {queues[q] and table.concat({q, place, cursor}, ' ') or false, sizes, odd, unleased, listed, broken}
