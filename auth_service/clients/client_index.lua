-- Enters a registration in the list by expiry and drops some that have expired. Invariant: the work of one call is
-- bounded, whatever has expired; the list is for the operator's eyes and decides nothing.
-- KEYS: list (sorted set by expiry, seconds). ARGV: client id, its expiry, now, how many to drop at most.
redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[1])
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[3], 'LIMIT', 0, ARGV[4])
if #gone > 0 then
  redis.call('ZREM', KEYS[1], unpack(gone))
end
return #gone
