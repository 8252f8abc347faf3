-- Invariant 3: an interaction has one decision, and an approval creates exactly one grant.
-- A repeated call returns the recorded decision, so that a double click is harmless (invariant 6), and an encrypted
-- interaction that is presented again creates no second grant: the decision is kept for as long as an interaction can be
-- presented. One clock, that of Redis, judges both ends of that time, so that no call falls between them.
-- Invariant 12: the grant gets an entry of its list that no other grant has had, in the same step.
-- KEYS: decision, grant, allocated entries and status of the list. All share the hash tag of the list.
-- ARGV: decision, until when it is kept and can be made (ms since 1970), lifetime of the code (ms), ms for which the
-- grant is kept after the code has expired, candidate entries, ms after which the last token of the grant has expired,
-- then field/value pairs of the grant.
-- Returns 'gone', 'full' if no candidate is free, or the recorded decision.
local recorded = redis.call('GET', KEYS[1])
if recorded then
  return recorded
end
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 'gone'
end
if ARGV[1] == 'approve' then
  local entry
  for candidate in string.gmatch(ARGV[5], '%d+') do
    if redis.call('SETBIT', KEYS[3], candidate, 1) == 0 then
      entry = candidate
      break
    end
  end
  if not entry then
    redis.call('DEL', KEYS[1])
    return 'full'
  end
  local clock = redis.call('TIME')
  local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
  local code_expires = now + tonumber(ARGV[3])
  redis.call('HSET', KEYS[2], 'created_at', string.format('%.0f', now), 'code_expires_at',
    string.format('%.0f', code_expires), 'entry', entry, unpack(ARGV, 7))
  redis.call('PEXPIREAT', KEYS[2], string.format('%.0f', code_expires + tonumber(ARGV[4])))
  local last = code_expires + tonumber(ARGV[6])
  if last > tonumber(redis.call('HGET', KEYS[4], 'until') or '0') then
    redis.call('HSET', KEYS[4], 'until', string.format('%.0f', last))
  end
  redis.call('HINCRBY', KEYS[4], 'allocated', 1)
end
return ARGV[1]
