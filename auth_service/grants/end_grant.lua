#!lua flags=allow-oom
-- Ends a grant once and records the reason. Idempotent: ending an ended grant changes nothing.
-- allow-oom: a grant can be ended when Redis is full.
-- KEYS: grant. ARGV: now (ms), reason, ms for which the ended grant is remembered.
-- Returns 1 if this call ended it, else 0.
local status = redis.call('HGET', KEYS[1], 'status')
if not status or status == 'ended' then
  return 0
end
redis.call('HSET', KEYS[1], 'status', 'ended', 'ended_reason', ARGV[2], 'ended_at', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
