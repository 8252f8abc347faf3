-- Reads what decides on a sign-in attempt, with the time by which count_attempt.lua will count it: that of Redis, because
-- the clocks of replicas differ. Invariant: it writes nothing.
-- KEYS: whether the browser is known, its count, the count of its network, the count of all unknown browsers.
-- Returns the four values, empty for a missing one, then the time in milliseconds as text.
local clock = redis.call('TIME')
local found = {}
for i, key in ipairs(KEYS) do
  found[i] = redis.call('GET', key) or ''
end
found[#KEYS + 1] = string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000))
return found
