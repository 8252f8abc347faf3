-- Records a sign-in with an identity: what the provider stated, and name and e-mail address of the user if they come from
-- this identity (profile_identity; '' if the one they came from was unlinked; absent if an operator gave them). It never
-- revives a removed user or an unlinked identity, and refuses a suspended user.
-- KEYS: record (hash), identities (hash: identity -> subject), identities of the user (hash: identity -> statement).
-- ARGV: subject, identity, statement, name, e-mail address, '1' if the address is verified.
-- Returns 1 if recorded, 0 if the identity is not the user's, or the user is suspended.
if redis.call('HGET', KEYS[2], ARGV[2]) ~= ARGV[1] or redis.call('HEXISTS', KEYS[1], 'suspended_at') == 1 then
  return 0
end
redis.call('HSET', KEYS[3], ARGV[2], ARGV[3])
local source = redis.call('HGET', KEYS[1], 'profile_identity')
if source == ARGV[2] or source == '' then
  redis.call('HSET', KEYS[1], 'profile_identity', ARGV[2], 'name', ARGV[4], 'email', ARGV[5], 'email_verified', ARGV[6])
end
return 1
