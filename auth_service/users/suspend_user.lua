#!lua flags=allow-oom
-- Suspends a user: from here on no sign-in succeeds and no grant begins. The subject is marked in the same step: the
-- sessions and grants of a marked subject are still to be ended. Repeated, it marks the subject again.
-- allow-oom: a user can be suspended when Redis is full.
-- KEYS: record (hash), marked subjects (set). ARGV: subject, seconds since 1970.
-- Returns 1 if the user was suspended or had been, 0 if there is no such user.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('HSETNX', KEYS[1], 'suspended_at', ARGV[2])
return 1
