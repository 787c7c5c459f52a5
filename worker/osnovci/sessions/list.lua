-- Gives the devices of a user: live sessions, and logins that are remembered beyond theirs.
--
-- KEYS  1  the root of the app's sessions
-- ARGV  1  the user
-- Returns a list of [hash or id of the family, document or login, whether it is a live session]

local user, found, renewed = ARGV[1], {}, {}
for _, hash in ipairs(redis.call('ZREVRANGE', user_key(user), 0, -1)) do
  local text = redis.call('GET', session_key(hash))
  if text then
    local session = cjson.decode(text)
    if session.ends_at_ms > now then
      found[#found + 1] = {hash, text, 1}
      renewed[session.family or ''] = true
    end
  end
end
for _, id in ipairs(redis.call('ZREVRANGE', families_key(user), 0, -1)) do
  local login = not renewed[id] and redis.call('HGET', family_key(id), 'login')
  if login then found[#found + 1] = {id, login, 0} end
end
return found
