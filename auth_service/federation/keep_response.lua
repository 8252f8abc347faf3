-- Keeps the response that a provider let the browser post, while the sign-in that it answers is in progress.
-- Invariant: of one sign-in at most one response is kept, whatever is posted, and none of a sign-in that is unknown,
-- consumed or expired; a response does not outlive its sign-in by more than its own lifetime.
-- KEYS: the sign-in, the response. ARGV: the response (encrypted), its lifetime in milliseconds.
-- Returns 1 if it was kept, 0 if there is no such sign-in.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 1
