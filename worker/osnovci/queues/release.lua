-- Takes every job from a worker that is known to be gone, without waiting for its lease to end.
--
-- ARGV  2  the worker      3  the story (base64 of zlib)      4  1: it left on purpose, forget it in rq too
-- Returns how many jobs it held

local key = 'rq:worker:' .. ARGV[2]
if ARGV[4] == '1' then
  call('SREM', 'rq:workers', key)
  for _, name in ipairs(call('SMEMBERS', 'rq:queues')) do
    call('SREM', 'rq:workers:' .. string.sub(name, 10), key)
  end
  call('DEL', key)
end
return take_from(ARGV[2], ARGV[3])
