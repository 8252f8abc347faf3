-- Invariant 3: a code is redeemed once. Invariant 6: a second redemption ends the grant.
-- The caller has verified client, redirect URI, code verifier and resource: another request never gets here.
-- Times are those of Redis, because the clocks of replicas differ.
-- Invariant 12: when the grant ends, its entry in the status list is revoked in the same step.
-- KEYS: grant, revoked entries and status of its list.
-- ARGV: 1 hash of the code, 2 hash of the first refresh token ('' for none), 3 sliding lifetime (ms), 4 absolute lifetime
--       (ms), 5 ms for which an ended grant is remembered, 6 client address, 7 network of that address, 8 nonce of this
--       attempt, also the tag of a change of the list, 9 ms in which a second redemption from the same network is refused
--       without ending the grant.
-- The same attempt may be sent again after its response was lost: the nonce distinguishes it from a second redemption.
-- Returns 'unknown', 'expired', 'ended', 'repeated', 'reused' or 'redeemed'.
local now = now_ms()
local grant = read_grant(KEYS[1])
if not grant or grant[CODE_HASH] ~= ARGV[1] then
  return 'unknown'
end
if grant[STATUS] == 'ended' then
  return 'ended'
end
local age = age_of(grant, now)
if grant[STATUS] == 'live' then
  if grant[REDEEMED_BY] == ARGV[8] then
    return 'redeemed'
  end
  if grant[REDEEMED_FROM] == ARGV[7] and age < tonumber(ARGV[9]) then
    return 'repeated'
  end
  end_grant(KEYS[1], grant, 'code_reused', now, ARGV[5], KEYS[2], KEYS[3], ARGV[8])
  return 'reused'
end
if age >= grant[EXPIRES] then
  return 'expired'
end
local absolute = tonumber(ARGV[4])
grant[STATUS], grant[NONCE] = 'live', ''
grant[CREATED_AT], grant[USED] = now, 0
grant[EXPIRES], grant[ABSOLUTE_EXPIRES] = math.min(tonumber(ARGV[3]), absolute), absolute
grant[TOKENS], grant[ADDRESS] = ARGV[2], ARGV[6]
grant[REDEEMED_BY], grant[REDEEMED_FROM] = ARGV[8], ARGV[7]
write_grant(KEYS[1], grant, 'PXAT', integer(now + grant[EXPIRES]))
return 'redeemed'
