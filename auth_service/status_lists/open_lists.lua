-- Opens lists until enough are open. Replicas that start at once agree: the registry has one slot and one winner.
-- KEYS: registry (hash: list -> 'open', or ms since 1970 when it was closed). ARGV: how many are open at least, how many
-- there are at most, then ids for new lists. Returns the registry.
local open, all = 0, 0
for _, state in ipairs(redis.call('HVALS', KEYS[1])) do
  if state == 'open' then open = open + 1 end
  all = all + 1
end
for i = 3, #ARGV do
  if open >= tonumber(ARGV[1]) or all >= tonumber(ARGV[2]) then break end
  if redis.call('HSETNX', KEYS[1], ARGV[i], 'open') == 1 then open, all = open + 1, all + 1 end
end
return redis.call('HGETALL', KEYS[1])
