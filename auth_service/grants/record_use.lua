-- Records that a grant was used, at most once per interval: a resource server may ask about a token at every call.
-- It changes nothing but that time: neither the expiry of the grant nor its refresh tokens.
-- KEYS: grant. ARGV: interval (ms).
-- Returns 1 if it was recorded, else 0.
local grant = read_grant(KEYS[1])
if not grant or grant[STATUS] ~= 'live' then
  return 0
end
local age = age_of(grant, now_ms())
if age - grant[USED] < tonumber(ARGV[1]) then
  return 0
end
grant[USED] = age
write_grant(KEYS[1], grant, 'KEEPTTL')
return 1
