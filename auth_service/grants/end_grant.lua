#!lua flags=allow-oom
-- Ends a grant once and records the reason. Idempotent: ending an ended grant changes nothing.
-- allow-oom: a grant can be ended when Redis is full.
-- Invariant 12: its entry in the status list is revoked in the same step.
-- KEYS: grant, revoked entries and status of its list. ARGV: reason, ms for which the ended grant is remembered, a new tag
-- for the list.
-- Returns 1 if this call ended it, else 0.
local grant = read_grant(KEYS[1])
if not grant or grant[STATUS] == 'ended' then
  return 0
end
end_grant(KEYS[1], grant, ARGV[1], now_ms(), ARGV[2], KEYS[2], KEYS[3], ARGV[3])
return 1
