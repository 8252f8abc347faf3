-- Counts one request against a rate limit. Invariant: of concurrent requests on one key, exactly as many pass as the
-- rate allows. The arithmetic is that of `decide` in shared/rates.py; a test compares the two.
-- KEYS: arrival (string, milliseconds). ARGV: now, interval, burst; all in milliseconds.
-- Returns {1 or 0, arrival time to go on from, as text}: numbers beyond 2^31 are passed as text.
local now = tonumber(ARGV[1])
local interval = tonumber(ARGV[2])
local burst = tonumber(ARGV[3])
local base = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local following = base + interval
if following - now > burst then
  return {0, string.format('%.0f', base)}
end
redis.call('SET', KEYS[1], string.format('%.0f', following), 'PX', string.format('%.0f', following - now + 1000))
return {1, string.format('%.0f', following)}
