-- Replaces a password hash. Invariant: a removed user does not come back to life, and a renewal of an old hash
-- (after a change of parameters) never overwrites a password that was set meanwhile.
-- KEYS: record (hash). ARGV: new hash, the hash that must still be there or '' for any.
-- Answers 1 when replaced, else 0.
local current = redis.call('HGET', KEYS[1], 'password_hash')
if not current or (ARGV[2] ~= '' and current ~= ARGV[2]) then
  return 0
end
redis.call('HSET', KEYS[1], 'password_hash', ARGV[1])
return 1
