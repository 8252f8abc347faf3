-- Which verifier holds which version of the key set, as they say themselves. Strangers can call the endpoint too, so
-- the number is bounded and every entry ends by itself. Invariant 5: who finds no room is not forgotten, but noted as
-- an overflow, after which nobody takes silence for proof.
-- KEYS[1] the hash: id -> "version seen_ms expires_ms"; *unnamed and *overflow -> seen_ms (no id has an asterisk).
-- ARGV: now_ms, most entries, keep_ms of the hash, unnamed seen_ms or "", overflow seen_ms or "",
-- then for each verifier: id, version, seen_ms, expires_ms.
-- Repeating it is harmless: a note replaces an older one only.
local now = tonumber(ARGV[1])
local most = tonumber(ARGV[2])
local overflow = ARGV[5]
local count = 0
local seen = {}
local held = redis.call('HGETALL', KEYS[1])
for i = 1, #held, 2 do
  if string.sub(held[i], 1, 1) ~= '*' then
    local seen_ms, expires_ms = string.match(held[i + 1], '^%d+ (%d+) (%d+)$')
    if tonumber(expires_ms) <= now then
      redis.call('HDEL', KEYS[1], held[i])
    else
      seen[held[i]] = tonumber(seen_ms)
      count = count + 1
    end
  end
end
for i = 6, #ARGV, 4 do
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
  redis.call('HSET', KEYS[1], '*unnamed', ARGV[4])
end
if overflow ~= '' then
  redis.call('HSET', KEYS[1], '*overflow', overflow)
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return count
