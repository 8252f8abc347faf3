#!lua flags=allow-oom
-- Invariant 3: validated here in full, then rotated, in one step with one winner.
-- Invariant 6: a retry, a race or a lost response yields the same successor; any other replay ends the grant.
-- Invariant 15: a grant ends when its resource has been removed from the configuration.
-- allow-oom: a rotation replaces fields of its grant, so grants go on when Redis is full of those of others.
-- The caller has verified the MAC of the token. Times are those of Redis, because the clocks of replicas differ.
--
-- Fields of a grant per generation n: hash:n (of its token), successor:n (its successor, encrypted under its secret) and
-- replaced:n (when it was first exchanged, ms). Kept are the current generation, its predecessor, and the generations
-- that were replaced within the reuse interval.
--
-- Invariant 12: when the grant ends, its entry in the status list is revoked in the same step.
-- KEYS: grant, revoked entries and status of its list.
-- ARGV: 1 hash presented, 2 generation presented, 3 client id, 4 requested resource or '', 5 hash of the proposed
--       successor, 6 the proposed successor, encrypted, 7 sliding lifetime (ms), 8 reuse interval (ms), 9 consecutive
--       generations in which a replay after the interval counts as a lost response, 10 generations kept at most, 11 ms for
--       which an ended grant is remembered, 12 client address, 13 the configured resources, each between spaces, 14 when
--       this replica read its configuration (ms since 1970), 15 a new tag for the list.
-- Returns {outcome, reason} or {outcome, '', generation, subject, scope, resource, authenticated_at, username, entry, …};
-- for 'repeated' the pairs successor:n, hash:n+1 follow, up to the current generation.
local key, n = KEYS[1], tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local now_text = string.format('%.0f', now)
local g = redis.call('HMGET', key, 'status', 'client_id', 'resource', 'generation', 'expires_at',
  'absolute_expires_at', 'subject', 'scope', 'authenticated_at', 'ended_reason', 'oldest', 'lost_answers', 'lost_answer_generation',
  'username', 'created_at', 'entry')
local status, generation = g[1], tonumber(g[4])

local function finish(reason)
  if g[16] then
    redis.call('SADD', KEYS[2], g[16])
    redis.call('HSET', KEYS[3], 'tag', ARGV[15])
  end
  redis.call('HSET', key, 'status', 'ended', 'ended_reason', reason, 'ended_at', now_text)
  redis.call('PEXPIRE', key, ARGV[11])
end

if not status or not generation then return {'unknown', 'no such grant'} end
if g[2] ~= ARGV[3] then return {'wrong_client', 'issued to another client'} end
if ARGV[4] ~= '' and ARGV[4] ~= g[3] then return {'wrong_resource', 'issued for another resource'} end
if status ~= 'live' then return {'ended', g[10] or 'ended'} end
if now >= tonumber(g[5]) then return {'expired', 'the grant expired'} end
if not string.find(ARGV[13], ' ' .. g[3] .. ' ', 1, true) then
  -- A grant that is younger than this replica's configuration was made by a replica that knows the resource.
  if tonumber(g[15]) > tonumber(ARGV[14]) then return {'not_configured', g[3]} end
  finish('resource_removed')
  return {'resource_removed', g[3]}
end

local function answer(outcome, current)
  return {outcome, '', tostring(current), g[7], g[8], g[3], g[9] or '', g[14] or '', g[16] or ''}
end

local known = redis.call('HGET', key, 'hash:' .. n)
local matches = known == ARGV[1]

if n < generation then
  if not matches then
    if known then return {'diverged', 'a token of a branch that a failover discarded'} end
    finish('refresh_token_reused')
    return {'reused', 'generation ' .. n .. ' presented, ' .. generation .. ' is current'}
  end
  local replaced = tonumber(redis.call('HGET', key, 'replaced:' .. n) or '0')
  local after_interval = now - replaced > tonumber(ARGV[8])
  if after_interval then
    -- The predecessor, with its successor unused: the response was lost. Accepted in a few consecutive generations
    -- only, because two holders that take turns look the same. Within one generation it counts once.
    local times = tonumber(g[12] or '0')
    if tonumber(g[13] or '-1') ~= generation then times = times + 1 end
    if n ~= generation - 1 or times > tonumber(ARGV[9]) then
      finish('refresh_token_reused')
      return {'reused', 'generation ' .. n .. ' presented after the reuse interval, ' .. generation .. ' is current'}
    end
    redis.call('HSET', key, 'lost_answers', times, 'lost_answer_generation', generation)
  end
  local reply = answer('repeated', generation)
  for i = n, generation - 1 do
    local pair = redis.call('HMGET', key, 'successor:' .. i, 'hash:' .. (i + 1))
    if not pair[1] or not pair[2] then return {'diverged', 'the successor was lost in a failover'} end
    reply[#reply + 1] = pair[1]
    reply[#reply + 1] = pair[2]
  end
  redis.call('HSET', key, 'last_used_at', now_text)
  return reply
end

-- The current generation, or one step ahead of it: a failover lost the write of this token.
if not matches and n > generation + 1 then
  return {'unknown', 'more than one generation newer than the stored one'}
end

local successor = n + 1
local expires = math.min(now + tonumber(ARGV[7]), tonumber(g[6]))
local expires_text = string.format('%.0f', expires)
redis.call('HSET', key, 'generation', successor, 'hash:' .. n, ARGV[1], 'successor:' .. n, ARGV[6],
  'replaced:' .. n, now_text, 'hash:' .. successor, ARGV[5], 'last_used_at', now_text,
  'expires_at', expires_text, 'address', ARGV[12])
if g[12] and tonumber(g[13] or '-1') ~= n then
  redis.call('HDEL', key, 'lost_answers', 'lost_answer_generation')
end

local oldest = tonumber(g[11] or '0')
while oldest < n do
  local replaced = tonumber(redis.call('HGET', key, 'replaced:' .. oldest) or '0')
  if now - replaced <= tonumber(ARGV[8]) and successor - oldest < tonumber(ARGV[10]) then break end
  redis.call('HDEL', key, 'hash:' .. oldest, 'successor:' .. oldest, 'replaced:' .. oldest)
  oldest = oldest + 1
end
redis.call('HSET', key, 'oldest', oldest)
redis.call('PEXPIREAT', key, expires_text)
return answer(matches and 'rotated' or 'recovered', successor)
