-- Before each script: the clock, the keys, and how a session comes into the indexes and out.
--
-- KEYS  1  the root of the app's sessions: all keys begin with it, and share its slot
-- ARGV  of each script of its own
-- Returns nothing

local root = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000 -- in ms
local DEVICE_TYPES = {'desktop', 'mobile', 'tablet', 'bot', 'other'}
local ABSENT_MS = 120000 -- twice the time after which indexes are renewed
local TRIM = 100

local function session_key(hash) return root .. 'session:' .. hash end
local function user_key(user) return root .. 'user:' .. user end
local function device_key(device) return root .. 'device:' .. device end
local function family_key(id) return root .. 'family:' .. id end
local function families_key(user) return root .. 'families:' .. user end
-- In the index of a user, a hash has its type of device behind it: so who ends all knows where it is.
local function hash_of(member) return member:sub(1, 32) end
local function device_of(member) return member:sub(33) end
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
  redis.call('ZADD', user_key(session.user_id), score(now), hash .. session.device_type)
  redis.call('ZADD', device_key(session.device_type), score(runs_out), hash)
  keep(user_key(session.user_id), session.ends_at_ms - now)
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
local function remove(hash, user, device)
  redis.call('DEL', session_key(hash))
  -- One that had run out, and only the indexes still knew, does not say its type.
  for _, each in ipairs(device and {device} or DEVICE_TYPES) do
    redis.call('ZREM', user_key(user), hash .. each)
    redis.call('ZREM', device_key(each), hash)
  end
end

-- Ends a session of a user, and the family that could renew it.
local function finish(hash, user)
  local session = read(hash)
  remove(hash, user, session and session.device_type)
  if session and session.family and session.family ~= '' then end_family(user, session.family) end
end

-- As indexes are renewed only now and then, the session itself says whether an entry is gone.
local function drop_gone(user, members)
  for _, each in ipairs(members) do
    if redis.call('EXISTS', session_key(hash_of(each))) == 0 then
      redis.call('ZREM', user_key(user), each)
    end
  end
end

-- Some of what has run out leaves the indexes.
local function trim(user, device, ttl)
  local quiet = score(now - ttl)
  drop_gone(user, redis.call('ZRANGEBYSCORE', user_key(user), '-inf', quiet, 'LIMIT', 0, TRIM))
  local gone = score(now - ABSENT_MS)
  local old = redis.call('ZRANGEBYSCORE', device_key(device), '-inf', gone, 'LIMIT', 0, TRIM)
  if #old > 0 then redis.call('ZREM', device_key(device), unpack(old)) end
  redis.call('ZREMRANGEBYSCORE', families_key(user), '-inf', score(now))
end

-- A new session; beyond the most a user may have, the least active leaves.
local function begin(hash, session, ttl, lifetime, most)
  session.created_at_ms = math.floor(now)
  session.ends_at_ms = math.floor(now + lifetime)
  local text = write(hash, session, ttl)
  local user = session.user_id
  trim(user, session.device_type, ttl)
  if most > 0 and redis.call('ZCARD', user_key(user)) > most then
    drop_gone(user, redis.call('ZRANGE', user_key(user), 0, -1))
    for _, each in ipairs(redis.call('ZRANGE', user_key(user), 0, -most - 1)) do
      -- The clock may have stepped back; whoever logs in now gets in.
      if hash_of(each) ~= hash then finish(hash_of(each), user) end
    end
  end
  return text
end

local function remember(id, user, lifetime)
  redis.call('PEXPIRE', family_key(id), lifetime)
  redis.call('ZADD', families_key(user), score(now + lifetime), id)
  keep(families_key(user), lifetime)
end

