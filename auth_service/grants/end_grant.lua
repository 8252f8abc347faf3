#!lua flags=allow-oom
-- Ends a grant once and records the reason. Idempotent: ending an ended grant changes nothing.
-- allow-oom: a grant can be ended when Redis is full.
-- Invariant 12: its entry in the status list is revoked in the same step.
-- KEYS: grant, revoked entries and status of its list. ARGV: reason, ms for which the ended grant is remembered, a new tag
-- for the list.
-- Returns 1 if this call ended it, else 0.
local status = redis.call('HGET', KEYS[1], 'status')
if not status or status == 'ended' then
  return 0
end
local entry = redis.call('HGET', KEYS[1], 'entry')
if entry then
  redis.call('SADD', KEYS[2], entry)
  redis.call('HSET', KEYS[3], 'tag', ARGV[3])
end
local clock = redis.call('TIME')
local now = string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000))
redis.call('HSET', KEYS[1], 'status', 'ended', 'ended_reason', ARGV[1], 'ended_at', now)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
