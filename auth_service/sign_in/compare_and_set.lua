-- Replaces several values if none has changed. Invariant: of concurrent writers that read the same, one wins; the
-- others read again. Nothing is written unless everything is as it was read.
-- KEYS: any number, one slot. ARGV: life in milliseconds, then for each key the value read ('' for none), the new one.
-- Answers 1 when replaced, else 0.
for i, key in ipairs(KEYS) do
  if (redis.call('GET', key) or '') ~= ARGV[2 * i] then
    return 0
  end
end
for i, key in ipairs(KEYS) do
  redis.call('SET', key, ARGV[2 * i + 1], 'PX', ARGV[1])
end
return 1
