-- Deletes a client that lost its place in the budget. Invariant: never one that was used, nor one that registered again
-- after the eviction (its stamp is newer). Repeating it is harmless.
-- KEYS[1] client  ARGV[1] stamp of the evicted entry
-- Returns 1 when deleted, 0 when it stays, -1 when there is no such client.
local current = redis.call('HMGET', KEYS[1], 'stamp', 'used')
if current[1] == ARGV[1] and not current[2] then
  redis.call('DEL', KEYS[1])
  return 1
end
return redis.call('EXISTS', KEYS[1]) - 1
