-- Removes a user and frees the name. Name and record are removed together, and only if they belong together. The subject
-- is marked in the same step: the sessions and grants of a marked subject are still to be ended.
-- KEYS: names (hash: name -> subject), record (hash), marked subjects (set). ARGV: name, subject.
-- Returns 1 if removed, 0 if the name no longer belongs to the subject.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return 0
end
redis.call('SADD', KEYS[3], ARGV[2])
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2])
return 1
