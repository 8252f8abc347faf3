-- Removes a user and frees the name and the identities. All are removed together, and only if name and record belong
-- together. The subject is marked in the same step: the sessions and grants of a marked subject are still to be ended.
-- KEYS: names (hash: name -> subject), record (hash), marked subjects (set), identities (hash: identity -> subject),
-- identities of the user (hash: identity -> statement). ARGV: name, subject.
-- Returns 1 if removed, 0 if the name no longer belongs to the subject.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return 0
end
redis.call('SADD', KEYS[3], ARGV[2])
redis.call('HDEL', KEYS[1], ARGV[1])
for _, identity in ipairs(redis.call('HKEYS', KEYS[5])) do
  redis.call('HDEL', KEYS[4], identity)
end
redis.call('DEL', KEYS[2], KEYS[5])
return 1
