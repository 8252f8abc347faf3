-- Enters a registration in the index by expiry and drops some that have expired. Invariant: the work of one call is
-- bounded, however many have expired. The index only serves the operator's list; no decision depends on it.
-- KEYS: index (sorted set by expiry, seconds). ARGV: client id, its expiry, now, how many to drop at most.
-- Returns how many were dropped.
redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[1])
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[3], 'LIMIT', 0, ARGV[4])
if #gone > 0 then
  redis.call('ZREM', KEYS[1], unpack(gone))
end
return #gone
