#!lua flags=allow-oom
-- Unlinks an identity from a user, unless nothing else is left to sign in with: of two writers that unlink the last two
-- identities, one is refused. An e-mail address that came from the identity is forgotten with it.
-- allow-oom: an identity can be unlinked when Redis is full.
-- KEYS: record (hash), identities (hash: identity -> subject), identities of the user (hash: identity -> statement).
-- ARGV: subject, identity, '1' if a password counts as a way to sign in, then the identities of the user that count.
-- Returns 'unlinked', 'not_linked', 'last'.
if redis.call('HGET', KEYS[2], ARGV[2]) ~= ARGV[1] then
  return 'not_linked'
end
local left = ARGV[3] == '1' and (redis.call('HGET', KEYS[1], 'password_hash') or '') ~= ''
for i = 4, #ARGV do
  left = left or (ARGV[i] ~= ARGV[2] and redis.call('HEXISTS', KEYS[3], ARGV[i]) == 1)
end
if not left then
  return 'last'
end
redis.call('HDEL', KEYS[2], ARGV[2])
redis.call('HDEL', KEYS[3], ARGV[2])
if redis.call('HGET', KEYS[1], 'profile_identity') == ARGV[2] then
  redis.call('HSET', KEYS[1], 'profile_identity', '', 'email', '', 'email_verified', '0')
end
return 'unlinked'
