-- Fires the schedules of one pool that are due. Whoever asks, and however often, a moment fires at
-- most once: it is fired and marked as dealt with in this one step, and marks only grow.
--
-- ARGV  2  the pool      3  ms for which the operator, who asks, keeps the workers from it; 0: a worker asks
--       4  the pool's uid, '' from a worker: its pods are made for the pool that the operator knows
--       5  JSON: [{name, rule, and if a moment is near: mark, moment, following, deadline, skip,
--          job, queue, task, data}, ...]. The moment was reckoned from that mark, and is the latest
--          one until the following; all are seconds. skip: not while the last job has not ended
-- PREFIXschedules (set of pools), PREFIXschedules:POOL (hash: name -> state as JSON),
-- PREFIXschedules:POOL:keeper (there while the operator keeps workers from firing)
-- Returns [now, [state as JSON, ...], [name of each whose moment this call dealt with, ...]]; only now
--       where the operator sees to it and a worker asks
--
-- The state: uid (of the pool that it belongs to), rule (cron and zone that the mark belongs to), mark (moments up to it are dealt with),
-- outcome (begun, fired, skipped: its last job had not ended, missed: its deadline was over),
-- fired and job (the last ones).

local key, keeps, uid, asked = P .. 'schedules:' .. ARGV[2], tonumber(ARGV[3]), ARGV[4], cjson.decode(ARGV[5])
local KEEP_STATE_SECONDS = 40 * 86400
local ENDED = {finished = true, failed = true, canceled = true, stopped = true}

if keeps > 0 then
  call('SET', key .. ':keeper', NOW, 'PX', keeps)
elseif call('EXISTS', key .. ':keeper') == 1 then
  return {score(now)}
end

-- What was dealt with; nil for nothing, and for what another pool of this name has dealt with.
local function read(name)
  local text = call('HGET', key, name)
  local ok, state = pcall(cjson.decode, text or '')
  if not ok or type(state) ~= 'table' or type(state.mark) ~= 'number' then return nil end
  if uid ~= '' and (state.uid or uid) ~= uid then return nil end
  return state
end

local function runs(job)
  local status = job and call('HGET', job_key(job), 'status')
  return status and not ENDED[status]
end

local function fire(state, s)
  if call('EXISTS', job_key(s.job)) == 0 then
    call('HSET', job_key(s.job), 'origin', s.queue, 'created_at', NOW, 'priority', 5,
      'description', s.task, 'data', s.data)
    call('SADD', 'rq:queues', 'rq:queue:' .. s.queue)
    push(s.job, s.queue)
  end
  state.fired, state.job = s.moment, s.job
  return 'fired'
end

-- What becomes of a moment that is due; nil where none is, or it was reckoned from an old state.
local function deal(state, s)
  if not s.moment or s.mark ~= state.mark or s.moment <= state.mark then return nil end
  if now < s.moment or now >= s.following then return nil end
  if now - s.moment > s.deadline then return 'missed' end
  if s.skip and runs(state.job) then return 'skipped' end
  return fire(state, s)
end

local states, named, dealt = {}, {}, {}
for i, s in ipairs(asked) do
  local state = read(s.name)
  local changed
  -- A schedule begins now, when it is new or has other times; those the operator decides.
  if not state or (state.rule ~= s.rule and keeps > 0) then
    state = {rule = s.rule, mark = math.floor(now), outcome = 'begun', fired = state and state.fired, job = state and state.job}
    changed = true
  elseif state.rule == s.rule then
    local outcome = deal(state, s)
    if outcome then
      state.mark, state.outcome, changed = s.moment, outcome, true
      dealt[#dealt + 1] = s.name
    end
  end
  if uid ~= '' and state.uid ~= uid then state.uid, changed = uid, true end
  states[i], named[s.name] = cjson.encode(state), true
  if changed then call('HSET', key, s.name, states[i]) end
end

if keeps > 0 and call('HLEN', key) > #asked then
  for _, name in ipairs(call('HKEYS', key)) do
    if not named[name] then call('HDEL', key, name) end
  end
end
if #asked > 0 then
  call('SADD', P .. 'schedules', ARGV[2])
  call('EXPIRE', key, KEEP_STATE_SECONDS)
end
return {score(now), states, dealt}
