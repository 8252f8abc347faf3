-- Invariant 3: an interaction has one decision, and an approval creates exactly one grant.
-- A repeated call returns the recorded decision, so that a double click is harmless (invariant 6).
-- KEYS: interaction, decision, grant. All share the interaction's hash tag.
-- ARGV: decision, seconds for which it is kept, expiry of the grant (ms since 1970), then field/value pairs of the grant.
-- Returns 'gone', or the recorded decision.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 'gone'
end
local recorded = redis.call('GET', KEYS[2])
if recorded then
  return recorded
end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
if ARGV[1] == 'approve' then
  redis.call('HSET', KEYS[3], unpack(ARGV, 4))
  redis.call('PEXPIREAT', KEYS[3], ARGV[3])
end
return ARGV[1]
