-- Ends a client. One that was used leaves a tombstone, so that its users can be told what happened (interop.md A18).
-- KEYS[1] client  ARGV[1] hash of the registration access token, or empty for the operator
-- ARGV[2] now  ARGV[3] lifetime of the tombstone; both in seconds
-- Returns 1 when ended, 0 when there is no such client or the token is that of another.
local current = redis.call('HMGET', KEYS[1], 'record', 'management', 'used', 'expires_at')
if not current[1] or (ARGV[1] ~= '' and current[2] ~= ARGV[1]) then
  return 0
end
redis.call('DEL', KEYS[1])
if current[3] or current[4] == '0' then
  redis.call('HSET', KEYS[1], 'ended', ARGV[2])
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return 1
