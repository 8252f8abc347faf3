-- Invariant 3: a code is redeemed once. Invariant 6: a second redemption ends the grant.
-- KEYS: grant.
-- ARGV: now (ms), hash of the code, hash of the first refresh token ('' for none), expiry (ms), absolute expiry (ms),
--       milliseconds for which an ended grant is remembered, client address, nonce of this attempt.
-- The same attempt may be sent again after its response was lost: the nonce distinguishes it from a second redemption.
-- Returns 'unknown', 'expired', 'ended', 'reused' or 'redeemed'.
local grant = redis.call('HMGET', KEYS[1], 'status', 'code_hash', 'code_expires_at', 'redeemed_by')
if not grant[1] or grant[2] ~= ARGV[2] then
  return 'unknown'
end
if grant[1] == 'ended' then
  return 'ended'
end
if grant[1] == 'live' then
  if grant[4] == ARGV[8] then
    return 'redeemed'
  end
  redis.call('HSET', KEYS[1], 'status', 'ended', 'ended_reason', 'code_reused', 'ended_at', ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[6])
  return 'reused'
end
if tonumber(ARGV[1]) >= tonumber(grant[3]) then
  return 'expired'
end
redis.call('HSET', KEYS[1], 'status', 'live', 'generation', '0', 'oldest', '0', 'hash:0', ARGV[3],
  'created_at', ARGV[1], 'last_used_at', ARGV[1], 'expires_at', ARGV[4], 'absolute_expires_at', ARGV[5],
  'address', ARGV[7], 'redeemed_by', ARGV[8])
redis.call('PEXPIREAT', KEYS[1], ARGV[4])
return 'redeemed'
