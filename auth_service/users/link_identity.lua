-- Links an identity to an active user. Invariant 13: an identity belongs to one user, and is never moved. Repeated, it
-- replaces the statement.
-- KEYS: record (hash), identities (hash: identity -> subject), identities of the user (hash: identity -> statement).
-- ARGV: subject, identity, statement, the most identities that a user may have.
-- Returns 'linked', 'taken' if the identity belongs to another user, 'full', 'no_user' if the user is gone or suspended.
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HEXISTS', KEYS[1], 'suspended_at') == 1 then
  return 'no_user'
end
local holder = redis.call('HGET', KEYS[2], ARGV[2])
if holder and holder ~= ARGV[1] then
  return 'taken'
end
if not holder and redis.call('HLEN', KEYS[3]) >= tonumber(ARGV[4]) then
  return 'full'
end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[1])
redis.call('HSET', KEYS[3], ARGV[2], ARGV[3])
return 'linked'
