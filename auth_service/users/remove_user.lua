-- Removes a user and frees the name. Invariant: name and record go together, and only if they belong together.
-- KEYS: names (hash: name -> subject), record (hash). ARGV: name, subject.
-- Answers 1 when removed, 0 when that name is no longer that subject's.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return 0
end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2])
return 1
