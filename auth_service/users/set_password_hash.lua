-- Sets a password hash. It never recreates a removed user, and the renewal of an outdated hash never overwrites a password
-- that was set meanwhile.
-- KEYS: record (hash). ARGV: new hash, the hash that is to be replaced or '' for any or none.
-- Returns 1 if set, else 0.
if redis.call('EXISTS', KEYS[1]) == 0 or (ARGV[2] ~= '' and redis.call('HGET', KEYS[1], 'password_hash') ~= ARGV[2]) then
  return 0
end
redis.call('HSET', KEYS[1], 'password_hash', ARGV[1])
return 1
