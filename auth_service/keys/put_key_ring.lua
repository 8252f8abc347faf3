#!lua flags=allow-oom
-- Compare-and-set of the key ring. Invariant 3: the ring changes only from the version that its writer has read, so
-- that exactly one succeeds of several replicas that take a step at once. Invariant 5 depends on it: two steps are
-- never mixed into one ring. allow-oom: a key can be revoked when Redis is full.
-- KEYS[1] the ring. ARGV: version read ("0" for no ring), new version, new body, channel to announce it on.
-- Returns 1 if written, 0 if another writer was first. Repeating it after a lost answer is harmless: it returns 0.
local stored = redis.call('HGET', KEYS[1], 'version') or '0'
if stored ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'body', ARGV[3])
redis.call('PUBLISH', ARGV[4], ARGV[2])
return 1
