-- Counts one request against a rate limit. Invariant: of concurrent requests on one key, exactly as many pass as the
-- rate allows. The arithmetic is that of `decide` in shared/rates.py; a test compares the two.
-- The time is that of Redis: replicas count alike although their clocks differ, or are set back.
-- KEYS: arrival (string, milliseconds). ARGV: interval, burst; both in milliseconds.
-- Returns {1 or 0, arrival time to go on from, now}, the times as text: numbers beyond 2^31 are passed as text.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local interval = tonumber(ARGV[1])
local burst = tonumber(ARGV[2])
local base = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
if base - now > burst + interval then -- the clock was set back
  base = now
end
local following = base + interval
if following - now > burst then
  return {0, string.format('%.0f', base), string.format('%.0f', now)}
end
redis.call('SET', KEYS[1], string.format('%.0f', following), 'PX', string.format('%.0f', following - now + 1000))
return {1, string.format('%.0f', following), string.format('%.0f', now)}
