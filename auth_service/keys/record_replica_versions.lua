-- Records the JWKS version that each verifier reports. The endpoint is public, so the number of entries is bounded and
-- every entry expires. Invariant 5: a verifier for which there is no room is recorded as an overflow, after which the
-- absence of a report proves nothing.
-- KEYS[1] the hash: id -> "version seen_ms expires_ms"; *unidentified and *overflow -> seen_ms, *unidentified_client -> what
-- is known of that client (no id has an asterisk).
-- ARGV: now_ms, most entries, TTL of the hash in ms, unidentified seen_ms or "", overflow seen_ms or "", the unidentified
-- client, then for each verifier: id, version, seen_ms, expires_ms.
-- Repeating it is harmless: a report replaces an older one only.
local now = tonumber(ARGV[1])
local most = tonumber(ARGV[2])
local overflow = ARGV[5]
local count = 0
local seen = {}
local recorded = redis.call('HGETALL', KEYS[1])
for i = 1, #recorded, 2 do
  if string.sub(recorded[i], 1, 1) ~= '*' then
    local seen_ms, expires_ms = string.match(recorded[i + 1], '^%d+ (%d+) (%d+)$')
    if tonumber(expires_ms) <= now then
      redis.call('HDEL', KEYS[1], recorded[i])
    else
      seen[recorded[i]] = tonumber(seen_ms)
      count = count + 1
    end
  end
end
for i = 7, #ARGV, 4 do
  local id = ARGV[i]
  local value = ARGV[i + 1] .. ' ' .. ARGV[i + 2] .. ' ' .. ARGV[i + 3]
  if seen[id] then
    if tonumber(ARGV[i + 2]) >= seen[id] then
      redis.call('HSET', KEYS[1], id, value)
    end
  elseif tonumber(ARGV[i + 3]) > now then
    if count < most then
      redis.call('HSET', KEYS[1], id, value)
      seen[id] = tonumber(ARGV[i + 2])
      count = count + 1
    else
      overflow = ARGV[1]
    end
  end
end
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[1], '*unidentified', ARGV[4], '*unidentified_client', ARGV[6])
end
if overflow ~= '' then
  redis.call('HSET', KEYS[1], '*overflow', overflow)
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return count
