#!lua flags=allow-oom
-- Invariant 3: validated here in full, then rotated, in one step with one winner.
-- Invariant 6: a retry, a race or a lost response yields the same successor; any other replay ends the grant.
-- allow-oom: a rotation replaces fields of its grant, so grants go on when Redis is full of those of others.
--
-- Fields of a grant per generation n: hash:n (of its token), successor:n (its successor, encrypted under its secret) and
-- replaced:n (when it was first exchanged, ms). Kept are the current generation, its predecessor, and the generations
-- that were replaced within the reuse interval.
--
-- KEYS: grant.
-- ARGV: 1 now (ms), 2 hash presented, 3 generation presented, 4 '1' if the token's MAC is valid, 5 client id,
--       6 requested resource or '', 7 hash of the proposed successor, 8 the proposed successor, encrypted,
--       9 sliding lifetime (ms), 10 reuse interval (ms), 11 consecutive generations in which a replay after the interval
--       counts as a lost response, 12 generations kept at most, 13 ms for which an ended grant is remembered, 14 client address.
-- Returns {outcome, reason} or {outcome, '', generation, subject, scope, resource, authenticated_at, username, …};
-- for 'repeated' the pairs successor:n, hash:n+1 follow, up to the current generation.
local key, now, n = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[3])
local g = redis.call('HMGET', key, 'status', 'client_id', 'resource', 'generation', 'expires_at',
  'absolute_expires_at', 'subject', 'scope', 'authenticated_at', 'ended_reason', 'oldest', 'lost_answers', 'lost_answer_generation',
  'username')
local status, generation = g[1], tonumber(g[4])

if not status or not generation then return {'unknown', 'no such grant'} end
if g[2] ~= ARGV[5] then return {'wrong_client', 'issued to another client'} end
if ARGV[6] ~= '' and ARGV[6] ~= g[3] then return {'wrong_resource', 'issued for another resource'} end
if status ~= 'live' then return {'ended', g[10] or 'ended'} end
if now >= tonumber(g[5]) then return {'expired', 'the grant expired'} end

local function finish(reason)
  redis.call('HSET', key, 'status', 'ended', 'ended_reason', reason, 'ended_at', ARGV[1])
  redis.call('PEXPIRE', key, ARGV[13])
end

local function answer(outcome, current)
  return {outcome, '', tostring(current), g[7], g[8], g[3], g[9] or '', g[14] or ''}
end

local authentic = ARGV[4] == '1'
local known = redis.call('HGET', key, 'hash:' .. n)
local matches = known == ARGV[2]

if n < generation then
  if not matches then
    if not authentic then return {'unknown', 'not a token of this grant'} end
    if known then return {'diverged', 'a token of a branch that a failover discarded'} end
    finish('refresh_token_reused')
    return {'reused', 'generation ' .. n .. ' presented, ' .. generation .. ' is current'}
  end
  local replaced = tonumber(redis.call('HGET', key, 'replaced:' .. n) or '0')
  local after_interval = now - replaced > tonumber(ARGV[10])
  if after_interval then
    -- The predecessor, with its successor unused: the response was lost. Accepted in a few consecutive generations
    -- only, because two holders that take turns look the same. Within one generation it counts once.
    local times = tonumber(g[12] or '0')
    if tonumber(g[13] or '-1') ~= generation then times = times + 1 end
    if n ~= generation - 1 or times > tonumber(ARGV[11]) then
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
  redis.call('HSET', key, 'last_used_at', ARGV[1])
  return reply
end

if not matches then
  -- A valid MAC, and the current generation or one step ahead of it: a failover lost the write of this token.
  if not authentic then return {'unknown', 'not a token of this grant'} end
  if n > generation + 1 then return {'unknown', 'more than one generation newer than the stored one'} end
end

local successor = n + 1
local expires = math.min(now + tonumber(ARGV[9]), tonumber(g[6]))
local expires_text = string.format('%.0f', expires)
redis.call('HSET', key, 'generation', successor, 'hash:' .. n, ARGV[2], 'successor:' .. n, ARGV[8],
  'replaced:' .. n, ARGV[1], 'hash:' .. successor, ARGV[7], 'last_used_at', ARGV[1],
  'expires_at', expires_text, 'address', ARGV[14])
if g[12] and tonumber(g[13] or '-1') ~= n then
  redis.call('HDEL', key, 'lost_answers', 'lost_answer_generation')
end

local oldest = tonumber(g[11] or '0')
while oldest < n do
  local replaced = tonumber(redis.call('HGET', key, 'replaced:' .. oldest) or '0')
  if now - replaced <= tonumber(ARGV[10]) and successor - oldest < tonumber(ARGV[12]) then break end
  redis.call('HDEL', key, 'hash:' .. oldest, 'successor:' .. oldest, 'replaced:' .. oldest)
  oldest = oldest + 1
end
redis.call('HSET', key, 'oldest', oldest)
redis.call('PEXPIREAT', key, expires_text)
return answer(matches and 'rotated' or 'recovered', successor)
