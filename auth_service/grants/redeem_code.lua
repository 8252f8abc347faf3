-- Invariant 3: a code is redeemed once. Invariant 6: a second redemption ends the grant.
-- The caller has verified client, redirect URI, code verifier and resource: another request never gets here.
-- Times are those of Redis, because the clocks of replicas differ.
-- Invariant 12: when the grant ends, its entry in the status list is revoked in the same step.
-- KEYS: grant, revoked entries and status of its list.
-- ARGV: 1 hash of the code, 2 hash of the first refresh token ('' for none), 3 sliding lifetime (ms), 4 absolute lifetime
--       (ms), 5 ms for which an ended grant is remembered, 6 client address, 7 network of that address, 8 nonce of this
--       attempt, also the tag of a change of the list, 9 ms in which a second redemption from the same network is refused without ending the grant.
-- The same attempt may be sent again after its response was lost: the nonce distinguishes it from a second redemption.
-- Returns 'unknown', 'expired', 'ended', 'repeated', 'reused' or 'redeemed'.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local now_text = string.format('%.0f', now)
local grant = redis.call('HMGET', KEYS[1], 'status', 'code_hash', 'code_expires_at', 'redeemed_by', 'redeemed_from',
  'created_at')
if not grant[1] or grant[2] ~= ARGV[1] then
  return 'unknown'
end
if grant[1] == 'ended' then
  return 'ended'
end
if grant[1] == 'live' then
  if grant[4] == ARGV[8] then
    return 'redeemed'
  end
  if grant[5] == ARGV[7] and now - tonumber(grant[6]) < tonumber(ARGV[9]) then
    return 'repeated'
  end
  local entry = redis.call('HGET', KEYS[1], 'entry')
  if entry then
    redis.call('SADD', KEYS[2], entry)
    redis.call('HSET', KEYS[3], 'tag', ARGV[8])
  end
  redis.call('HSET', KEYS[1], 'status', 'ended', 'ended_reason', 'code_reused', 'ended_at', now_text)
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
  return 'reused'
end
if now >= tonumber(grant[3]) then
  return 'expired'
end
local absolute = now + tonumber(ARGV[4])
local expires = string.format('%.0f', math.min(now + tonumber(ARGV[3]), absolute))
redis.call('HSET', KEYS[1], 'status', 'live', 'generation', '0', 'oldest', '0', 'hash:0', ARGV[2],
  'created_at', now_text, 'last_used_at', now_text, 'expires_at', expires,
  'absolute_expires_at', string.format('%.0f', absolute), 'address', ARGV[6], 'redeemed_by', ARGV[8],
  'redeemed_from', ARGV[7])
redis.call('PEXPIREAT', KEYS[1], expires)
return 'redeemed'
