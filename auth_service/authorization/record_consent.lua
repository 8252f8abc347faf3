-- Invariant 3: an interaction has one decision, and an approval creates exactly one grant.
-- A repeated call returns the recorded decision, so that a double click is harmless (invariant 6), and an encrypted
-- interaction that is presented again creates no second grant: the decision is kept for as long as an interaction can be
-- presented. One clock, that of Redis, judges both ends of that time, so that no call falls between them.
-- KEYS: decision, grant. Both share the interaction's hash tag.
-- ARGV: decision, until when it is kept and can be made (ms since 1970), lifetime of the code (ms), ms for which the
-- grant is kept after the code has expired, then field/value pairs of the grant.
-- Returns 'gone', or the recorded decision.
local recorded = redis.call('GET', KEYS[1])
if recorded then
  return recorded
end
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 'gone'
end
if ARGV[1] == 'approve' then
  local clock = redis.call('TIME')
  local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
  local code_expires = now + tonumber(ARGV[3])
  redis.call('HSET', KEYS[2], 'created_at', string.format('%.0f', now), 'code_expires_at',
    string.format('%.0f', code_expires), unpack(ARGV, 5))
  redis.call('PEXPIREAT', KEYS[2], string.format('%.0f', code_expires + tonumber(ARGV[4])))
end
return ARGV[1]
