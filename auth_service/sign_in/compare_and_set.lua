-- Replaces several values if none has changed since it was read. Of concurrent writers that read the same values, one
-- wins and the others read again.
-- KEYS: any number, in one slot. ARGV: lifetime (ms), then for each key the value read ('' for none) and the new value.
-- Returns 1 if the values were replaced, else 0.
for i, key in ipairs(KEYS) do
  if (redis.call('GET', key) or '') ~= ARGV[2 * i] then
    return 0
  end
end
for i, key in ipairs(KEYS) do
  redis.call('SET', key, ARGV[2 * i + 1], 'PX', ARGV[1])
end
return 1
