-- Before each script: the clock, the keys, and how a session comes into the indexes and out.
--
-- KEYS  1  the root of the app's sessions: all keys begin with it, and share its slot
-- ARGV  of each script of its own
-- Returns nothing

local root = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000 -- in ms
local DEVICE_TYPES = {'desktop', 'mobile', 'tablet', 'bot', 'other'}
local ERA_MS = 2 ^ 43 -- beyond any moment; in the index of devices each type has an era of its own
local ERAS = {}
for number, device in ipairs(DEVICE_TYPES) do ERAS[device] = number * ERA_MS end
local ABSENT_MS = 120000 -- twice the time after which indexes are renewed
local TRIM = 100

local function session_key(hash) return root .. 'session:' .. hash end
local function user_key(user) return root .. 'user:' .. user end
local devices_key = root .. 'devices'
local function family_key(id) return root .. 'family:' .. id end
local function families_key(user) return root .. 'families:' .. user end
local function score(ms) return string.format('%.3f', ms) end

local function read(hash)
  local text = redis.call('GET', session_key(hash))
  return text and cjson.decode(text)
end

-- An index lives at least as long as what is in it.
local function keep(key, ms)
  if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, math.ceil(ms)) end
end

local function index(hash, session, ttl)
  local runs_out = math.min(now + ttl, session.ends_at_ms)
  redis.call('ZADD', user_key(session.user_id), score(now), hash)
  redis.call('ZADD', devices_key, score(ERAS[session.device_type] + runs_out), hash)
  keep(user_key(session.user_id), session.ends_at_ms - now)
  keep(devices_key, session.ends_at_ms - now)
end

local function write(hash, session, ttl)
  session.last_activity_ms = math.floor(now)
  local text = cjson.encode(session)
  local left = math.max(math.ceil(math.min(ttl, session.ends_at_ms - now)), 1)
  redis.call('SET', session_key(hash), text, 'PX', left)
  index(hash, session, ttl)
  return text
end

local function end_family(user, id)
  redis.call('DEL', family_key(id))
  redis.call('ZREM', families_key(user), id)
end

-- The family, if it has one, stays.
local function remove(hash, user)
  redis.call('DEL', session_key(hash))
  redis.call('ZREM', user_key(user), hash)
  redis.call('ZREM', devices_key, hash)
end

-- Ends a session of a user, and the family that could renew it.
local function finish(hash, user)
  local session = read(hash)
  remove(hash, user)
  if session and session.family and session.family ~= '' then end_family(user, session.family) end
end

-- As indexes are renewed only now and then, the session itself says whether an entry is gone.
local function drop_gone(user, hashes)
  for _, hash in ipairs(hashes) do
    if redis.call('EXISTS', session_key(hash)) == 0 then
      redis.call('ZREM', user_key(user), hash)
    end
  end
end

-- The families of a user whose session has run out; the one that itself runs out first is the first.
local function dormant(user, but)
  local found = {}
  for _, id in ipairs(redis.call('ZRANGE', families_key(user), 0, -1)) do
    local current = redis.call('HGET', family_key(id), 'session')
    local lives = current and redis.call('EXISTS', session_key(current)) == 1
    if id ~= but and not lives then found[#found + 1] = id end
  end
  return found
end

-- Some of what has run out leaves the indexes.
local function trim(user, device, ttl)
  local quiet = score(now - ttl)
  drop_gone(user, redis.call('ZRANGEBYSCORE', user_key(user), '-inf', quiet, 'LIMIT', 0, TRIM))
  local first, gone = score(ERAS[device]), score(ERAS[device] + now - ABSENT_MS)
  local old = redis.call('ZRANGEBYSCORE', devices_key, first, gone, 'LIMIT', 0, TRIM)
  if #old > 0 then redis.call('ZREM', devices_key, unpack(old)) end
  redis.call('ZREMRANGEBYSCORE', families_key(user), '-inf', score(now))
end

-- A new session; beyond the most logins that a user may have, the least active leaves.
local function begin(hash, session, ttl, lifetime, most)
  session.created_at_ms = math.floor(now)
  session.ends_at_ms = math.floor(now + lifetime)
  local text = write(hash, session, ttl)
  local user = session.user_id
  trim(user, session.device_type, ttl)
  local logins = redis.call('ZCARD', user_key(user)) + redis.call('ZCARD', families_key(user))
  if most > 0 and logins > most then
    drop_gone(user, redis.call('ZRANGE', user_key(user), 0, -1))
    local asleep = dormant(user, session.family)
    local beyond = redis.call('ZCARD', user_key(user)) + #asleep - most
    for number = 1, math.min(beyond, #asleep) do end_family(user, asleep[number]) end
    for _, each in ipairs(redis.call('ZRANGE', user_key(user), 0, -most - 1)) do
      -- The clock may have stepped back; whoever logs in now gets in.
      if each ~= hash then finish(each, user) end
    end
  end
  return text
end

local function remember(id, user, lifetime)
  redis.call('PEXPIRE', family_key(id), lifetime)
  redis.call('ZADD', families_key(user), score(now + lifetime), id)
  keep(families_key(user), lifetime)
end

