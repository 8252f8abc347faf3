-- Replaces a password hash. It never recreates a removed user, and the renewal of an outdated hash never overwrites a
-- password that was set meanwhile.
-- KEYS: record (hash). ARGV: new hash, the hash that is to be replaced or '' for any.
-- Returns 1 if replaced, else 0.
local current = redis.call('HGET', KEYS[1], 'password_hash')
if not current or (ARGV[2] ~= '' and current ~= ARGV[2]) then
  return 0
end
redis.call('HSET', KEYS[1], 'password_hash', ARGV[1])
return 1
