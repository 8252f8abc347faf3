-- Replaces fields of a registration for the holder of its current registration access token: an update that lost a race
-- against another update, or against the registration's end, changes nothing (invariant 3).
-- KEYS[1] client  ARGV[1] hash of the registration access token  ARGV[2...] fields
-- Returns 1 when replaced, else 0.
if redis.call('HGET', KEYS[1], 'management') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return 1
