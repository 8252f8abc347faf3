-- Adds a client under an id that is not taken. Of concurrent adds exactly one creates the record (invariant 3).
-- A shared registration that is repeated only renews the short lifetime of a record that was never used.
-- KEYS[1] client  ARGV[1] expires_at in seconds, 0 for never  ARGV[2] EXPIREAT of the key, 0 for never
-- ARGV[3] stamp of its entry in the budget, empty without one  ARGV[4...] fields
-- Returns 1 when created, 0 when it existed, 2 when it existed and was used.
local current = redis.call('HMGET', KEYS[1], 'record', 'used')
if current[1] then
  if ARGV[1] ~= '0' and not current[2] then
    redis.call('HSET', KEYS[1], 'expires_at', ARGV[1], 'stamp', ARGV[3])
    redis.call('EXPIREAT', KEYS[1], ARGV[2])
  end
  return current[2] and 2 or 0
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'expires_at', ARGV[1], unpack(ARGV, 4))
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[1], 'stamp', ARGV[3])
end
if ARGV[2] ~= '0' then
  redis.call('EXPIREAT', KEYS[1], ARGV[2])
end
return 1
