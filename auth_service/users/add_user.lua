-- Adds a user. A name belongs to one user: of any number of writers with the same name, exactly one wins.
-- KEYS: names (hash: name -> subject), record (hash). ARGV: name, subject, then field, value, ...
-- Returns 1 if added, 0 if the name is taken.
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then
  return 0
end
redis.call('HSET', KEYS[2], unpack(ARGV, 3))
return 1
