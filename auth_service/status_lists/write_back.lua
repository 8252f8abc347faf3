#!lua flags=allow-oom
-- Writes back entries that were published as revoked and that Redis has lost, in a failover or by a restored copy.
-- Invariant 12: they stay revoked, and no other grant gets one of them. Idempotent; replicas may do it at once.
-- allow-oom: what was revoked stays revoked when Redis is full.
-- KEYS: revoked entries, allocated entries and status of one list. ARGV: a new tag for the list, then entries.
local added = 0
for i = 2, #ARGV do
  if redis.call('SETBIT', KEYS[2], ARGV[i], 1) == 0 then
    redis.call('HINCRBY', KEYS[3], 'allocated', 1)
  end
  added = added + redis.call('SADD', KEYS[1], ARGV[i])
end
if added > 0 then
  redis.call('HSET', KEYS[3], 'tag', ARGV[1])
end
