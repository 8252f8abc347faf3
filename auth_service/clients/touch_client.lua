-- Extends the lifetime of a client whose grant was created or refreshed; never shortens it (interop.md A18).
-- An expired or ended registration is not revived.
-- KEYS[1] client  ARGV[1] now  ARGV[2] expires_at  ARGV[3] EXPIREAT of the key; all in seconds
-- Returns 2 at the first use of a registration, 1 when the client is live, else 0.
local current = redis.call('HMGET', KEYS[1], 'record', 'expires_at', 'used')
if not current[1] then
  return 0
end
local expires_at = tonumber(current[2])
if expires_at == 0 then
  return 1
end
if expires_at <= tonumber(ARGV[1]) then
  return 0
end
redis.call('HSET', KEYS[1], 'used', '1')
redis.call('HDEL', KEYS[1], 'stamp')
if tonumber(ARGV[2]) > expires_at then
  redis.call('HSET', KEYS[1], 'expires_at', ARGV[2])
  redis.call('EXPIREAT', KEYS[1], ARGV[3])
end
return current[3] and 1 or 2
