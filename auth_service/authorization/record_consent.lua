-- Invariant 3: an interaction has one decision, and an approval creates exactly one grant.
-- A repeated call returns the recorded decision, so that a double click is harmless (invariant 6), and an encrypted
-- interaction that is presented again creates no second grant: the decision is kept for as long as an interaction can be
-- presented. One clock, that of Redis, judges both ends of that time, so that no call falls between them.
-- Invariant 12: the grant gets an entry of its list that no other grant has had, in the same step.
-- KEYS: decision, grant, allocated entries and status of the list. All share the hash tag of the list.
-- ARGV: decision, until when it is kept and can be made (ms since 1970), lifetime of the code (ms), ms for which the
-- grant is kept after the code has expired, candidate entries, ms after which the last token of the grant has expired,
-- the record of the grant, without entry and times.
-- Returns {'gone', ''}, {'full', ''} if the list has no free entry, or {'new' or 'repeated', the recorded decision}.
local recorded = redis.call('GET', KEYS[1])
if recorded then
  return {'repeated', recorded}
end
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])
if redis.call('EXISTS', KEYS[1]) == 0 then
  return {'gone', ''}
end
if ARGV[1] == 'approve' then
  local now, code_lifetime = now_ms(), tonumber(ARGV[3])
  local entry = allocate_entry(KEYS[3], KEYS[4], ARGV[5], now + code_lifetime + tonumber(ARGV[6]))
  if not entry then
    redis.call('DEL', KEYS[1])
    return {'full', ''}
  end
  local grant = cjson.decode(ARGV[7])
  grant[ENTRY], grant[CREATED_AT], grant[EXPIRES] = entry, now, code_lifetime
  write_grant(KEYS[2], grant, 'PX', code_lifetime + tonumber(ARGV[4]))
end
return {'new', ARGV[1]}
