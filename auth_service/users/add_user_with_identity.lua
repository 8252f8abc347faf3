-- Adds a user together with an identity that signs in to it. Invariant 13: an identity belongs to one user; of any number
-- of writers with the same identity, or with the same name, exactly one wins.
-- KEYS: names (hash: name -> subject), record (hash), identities (hash: identity -> subject), identities of the user
-- (hash: identity -> statement). ARGV: name, subject, identity, statement, then field, value, ...
-- Returns the subject that the identity belongs to afterwards, '' if the name is taken.
local holder = redis.call('HGET', KEYS[3], ARGV[3])
if holder then
  return holder
end
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then
  return ''
end
redis.call('HSET', KEYS[2], unpack(ARGV, 5))
redis.call('HSET', KEYS[3], ARGV[3], ARGV[2])
redis.call('HSET', KEYS[4], ARGV[3], ARGV[4])
return ARGV[2]
