-- Takes every job from a worker that is known to be gone, without waiting for its lease to end.
--
-- ARGV  3  the worker      4  the story (base64 of zlib)      5  1: it left on purpose, forget it in rq too
-- Returns how many jobs it held

local key = 'rq:worker:' .. ARGV[3]
if ARGV[5] == '1' then
  call('SREM', 'rq:workers', key)
  for _, name in ipairs(call('SMEMBERS', 'rq:queues')) do
    call('SREM', 'rq:workers:' .. string.sub(name, 10), key)
  end
  call('DEL', key)
end
return take_from(ARGV[3], ARGV[4])
