-- Closes every list, and registers lists as closed that are in use and not in the registry.
-- Invariant 12: after a restore no entry is given that was given, and perhaps revoked, after the backup.
-- KEYS: registry. ARGV: ms since 1970, how many lists there may be afterwards, then the lists that are in use.
-- Returns how many were open; -1, and nothing is closed, if there would be too many.
local closed = 0
local flat = redis.call('HGETALL', KEYS[1])
for i = 3, #ARGV do
  redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[1])
end
if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[2]) then
  return -1
end
for i = 1, #flat, 2 do
  if flat[i + 1] == 'open' then
    redis.call('HSET', KEYS[1], flat[i], ARGV[1])
    closed = closed + 1
  end
end
return closed
