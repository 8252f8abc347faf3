-- Counts a sign-in attempt unless it has to wait. Invariant: of concurrent attempts that share a count, exactly as many pass
-- as the schedule allows, and no attempt waits because of the count of another network or browser. The arithmetic is that
-- of sign_in/delay.py; a test compares the two. The time is that of Redis: the clocks of replicas differ.
-- KEYS: the count of the browser or network, then for an unknown browser the count of all of them; "<count> <last>" each.
-- ARGV: lifetime (ms), longest delay (ms), attempts without delay; number of attempts by all from which the account is
-- under attack, attempts without delay then.
-- Returns the time to wait in milliseconds; 0 if the attempt was counted.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local lifetime, cap, free = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local counts = {}
local last = 0
for i, key in ipairs(KEYS) do
  local count, at = string.match(redis.call('GET', key) or '', '^(%d+) (%d+)$')
  counts[i] = tonumber(count or '0')
  if i == 1 then
    last = tonumber(at or '0')
  end
end
if counts[2] and counts[2] >= tonumber(ARGV[4]) then
  free = tonumber(ARGV[5])
end
local beyond = counts[1] - free
if beyond >= 0 and last <= now then
  local wait = last + math.min(cap, 1000 * 2 ^ math.min(beyond, 20)) - now
  if wait > 0 then
    return wait
  end
end
for i, key in ipairs(KEYS) do
  redis.call('SET', key, string.format('%.0f %.0f', counts[i] + 1, now), 'PX', lifetime)
end
return 0
