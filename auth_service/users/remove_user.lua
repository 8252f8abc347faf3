-- Removes a user and frees the name. Name and record are removed together, and only if they belong together.
-- KEYS: names (hash: name -> subject), record (hash). ARGV: name, subject.
-- Returns 1 if removed, 0 if the name no longer belongs to the subject.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return 0
end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2])
return 1
