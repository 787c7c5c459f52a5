-- Takes a refresh token and gives its successor a session; an old one that comes again ends all.
--
-- KEYS  1  the root of the app's sessions
-- ARGV  1  the family               2  the generation of the token
--       3  the hash of the id that the token gives      4  grace, ms
--       5  sliding lifetime, ms     6  absolute lifetime, ms, also that of refresh tokens
--       7  the most sessions of a user, 0 is any number
-- Returns [Ended], [Reused, user], or [Rotated or Again, the successor's generation, session]

local id, given = ARGV[1], tonumber(ARGV[2])
local ttl, lifetime, most = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local family = redis.call('HMGET', family_key(id), 'user', 'generation', 'rotated_ms', 'session', 'login')
local user, generation, current = family[1], tonumber(family[2] or ''), family[4]
if not generation then return {'Ended'} end

-- One beyond the generation is ours all the same: Redis has lost what it wrote last.
if given >= generation then
  remove(current, user)
  local session = cjson.decode(family[5])
  session.family = id
  local text = begin(ARGV[3], session, ttl, lifetime, most)
  redis.call('HSET', family_key(id), 'generation', given + 1, 'rotated_ms', score(now),
    'session', ARGV[3])
  remember(id, user, lifetime)
  return {'Rotated', given + 1, text}
end

-- The same token at the same time, from several tabs, or again as its answer was lost.
if given == generation - 1 and now - tonumber(family[3]) <= tonumber(ARGV[4]) then
  local text = current == ARGV[3] and redis.call('GET', session_key(current))
  if not text then return {'Ended'} end
  return {'Again', generation, text}
end

remove(current, user)
end_family(user, id)
return {'Reused', user}
