-- Adds a client under an id that is not taken. Of concurrent adds exactly one creates the record (invariant 3).
-- A shared registration that is repeated only renews the short lifetime of a record that was never used.
-- KEYS[1] client  ARGV[1] expires_at in seconds, 0 for never  ARGV[2] EXPIREAT of the key, 0 for never  ARGV[3...] fields
-- Returns 1 when created, 0 when it existed.
local current = redis.call('HMGET', KEYS[1], 'members', 'used')
if current[1] then
  if ARGV[1] ~= '0' and not current[2] then
    redis.call('HSET', KEYS[1], 'expires_at', ARGV[1])
    redis.call('EXPIREAT', KEYS[1], ARGV[2])
  end
  return 0
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'expires_at', ARGV[1], unpack(ARGV, 3))
if ARGV[2] ~= '0' then
  redis.call('EXPIREAT', KEYS[1], ARGV[2])
end
return 1
