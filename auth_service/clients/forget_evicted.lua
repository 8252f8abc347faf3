-- Ends an eviction whose client is deleted or stays. Invariant: a registration that has an entry keeps its place in the
-- index by expiry, and so does one that stays because it was used. Repeating it is harmless.
-- KEYS[1] entries  KEYS[2] by_expiry  KEYS[3] evicted  ARGV[1] client id  ARGV[2] stamp  ARGV[3] 1 if deleted, else 0
-- Returns nothing.
redis.call('ZREM', KEYS[3], ARGV[1] .. ' ' .. ARGV[2])
if ARGV[3] == '1' and redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  redis.call('ZREM', KEYS[2], ARGV[1])
end
