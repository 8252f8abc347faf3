#!lua flags=allow-oom
-- Invariant 3: validated here in full, then rotated, in one step with one winner.
-- Invariant 6: a retry, a race or a lost response yields the same successor; any other replay ends the grant.
-- Invariant 15: a grant ends when its resource has been removed from the configuration, and keeps no scope that it may not
-- have today. Invariant 13: of a grant that began with an identity, nothing is changed before that has been reviewed.
-- Invariant 12: when the grant ends or loses a scope, its entry in the status list is revoked in the same step. A grant that
-- goes on has a new entry, which this token and every repetition of it get.
-- allow-oom: a rotation replaces the record of its grant, so grants go on when Redis is full of those of others.
-- The caller has verified the MAC of the token. Times are those of Redis, because the clocks of replicas differ.
-- Remembered are the current refresh token, its predecessor, and those that were replaced within the reuse interval.
--
-- KEYS: grant, then of its list the revoked entries, status and allocated entries.
-- ARGV: 1 hash presented, 2 generation presented, 3 client id, 4 requested resource or '', 5 hash of the proposed
--       successor, 6 its salt, 7 sliding lifetime (ms), 8 reuse interval (ms), 9 consecutive generations in which a replay
--       after the interval counts as a lost response, 10 generations kept at most, 11 ms for which an ended grant is
--       remembered, 12 client address, 13 the configuration, 14 when this replica read it (ms since 1970), 15 a new tag for
--       the list, 16 candidates for a new entry, 17 lifetime of an access token (ms), 18 '' or the limits of today of this
--       client and user, which the caller has just read, 19 '?' or the identity that the caller has reviewed ('' for none),
--       20 the resources whose tokens tell about the user, which is reviewed for them too: "\n<resource>\n<resource>\n".
--       13 and 18: of each resource a line, "\n<resource> <scope> <scope> \n"; the next line may share the line break.
-- Returns {outcome, reason}, {'unreviewed', '', subject, identity, resource, claims}, or {outcome, '', generation, subject, scope, resource, authenticated_at, username, entry,
-- dropped scopes, …}; for 'repeated' the pairs salt of n, hash of n+1 follow, up to the current generation.
local key, n = KEYS[1], tonumber(ARGV[2])
local now = now_ms()
local grant = read_grant(key)

local function finish(reason)
  end_grant(key, grant, reason, now, ARGV[11], KEYS[2], KEYS[3], ARGV[15])
end

if not grant or grant[STATUS] == 'code' then return {'unknown', 'no such grant'} end
local resource = grant[RESOURCE]
if grant[CLIENT_ID] ~= ARGV[3] then return {'wrong_client', 'issued to another client'} end
if ARGV[4] ~= '' and ARGV[4] ~= resource then return {'wrong_resource', 'issued for another resource'} end
if grant[STATUS] == 'ended' then return {'ended', grant[ENDED_REASON]} end
local age = age_of(grant, now)
if age >= grant[EXPIRES] then return {'expired', 'the grant expired'} end

-- The scopes of the resource, each between spaces, or nil.
local function scopes_in(lines)
  local _, before = string.find(lines, '\n' .. resource .. ' ', 1, true)
  return before and string.sub(lines, before, string.find(lines, '\n', before, true) - 1)
end

local configured = scopes_in(ARGV[13])
-- A grant that is younger than this replica's configuration was made by a replica that may know more.
local is_younger = grant[CREATED_AT] > tonumber(ARGV[14])
if not configured then
  if is_younger then return {'not_configured', resource} end
  finish('resource_removed')
  return {'resource_removed', resource}
end

local identity = grant[IDENTITY] or ''
if ARGV[19] ~= identity and (identity ~= '' or string.find(ARGV[20], '\n' .. resource .. '\n', 1, true)) then
  return {'unreviewed', '', grant[SUBJECT], identity, resource, grant[CLAIMS] or ''}
end

-- Drops the scopes that the grant may not have today; the access tokens that have them name the entry that is revoked.
-- Returns what was dropped, or nil if the list has no entry left.
local function narrow()
  local limit = scopes_in(ARGV[18])
  local kept, dropped = {}, {}
  for scope in string.gmatch(grant[SCOPE], '%S+') do
    local found = ' ' .. scope .. ' '
    local allowed = is_younger
    -- Of a scope that only another replica defines yet, this one's limits say nothing.
    if string.find(configured, found, 1, true) then allowed = not limit or string.find(limit, found, 1, true) end
    local list = allowed and kept or dropped
    list[#list + 1] = scope
  end
  if #dropped == 0 then return '' end
  local last_token_expires = grant[CREATED_AT] + grant[ABSOLUTE_EXPIRES] + tonumber(ARGV[17])
  local entry = allocate_entry(KEYS[4], KEYS[3], ARGV[16], last_token_expires)
  if not entry then return nil end
  revoke_entry(grant[ENTRY], KEYS[2], KEYS[3], ARGV[15])
  grant[SCOPE], grant[ENTRY] = table.concat(kept, ' '), entry
  return table.concat(dropped, ' ')
end

-- Whether the entry is revoked although the grant has not ended: a failover lost the ending, and a replica that had
-- published it wrote the entry back. A grant that was just narrowed has a new entry.
local function is_revoked(dropped)
  return dropped == '' and redis.call('SISMEMBER', KEYS[2], grant[ENTRY]) == 1
end

local function ending_is_repeated()
  finish('ended_before_failover')
  return {'ended', 'ended_before_failover'}
end

local function answer(outcome, dropped)
  return {outcome, '', integer(grant[GENERATION]), grant[SUBJECT], grant[SCOPE], resource,
    integer(grant[AUTHENTICATED_AT]), grant[USERNAME], integer(grant[ENTRY]), dropped}
end

local function list_is_full()
  finish('status_list_full')
  return {'list_full', 'a narrower grant needs a new entry, and its status list has none'}
end

local tokens, generation = grant[TOKENS], grant[GENERATION]
if tokens == '' then return {'unknown', 'a grant without refresh tokens'} end
local oldest = generation - math.floor(#tokens / TOKEN_WIDTH)

local function part(i, offset, width)
  local first = (i - oldest) * TOKEN_WIDTH + offset
  return string.sub(tokens, first + 1, first + width)
end
local function hash_of(i) return part(i, 0, HASH_WIDTH) end
local function salt_of(i) return part(i, HASH_WIDTH, SALT_WIDTH) end
local function replaced_at(i) return tonumber(part(i, HASH_WIDTH + SALT_WIDTH, TIME_WIDTH), 16) end

local matches = n >= oldest and n <= generation and hash_of(n) == ARGV[1]

if n < generation then
  if not matches then
    if n >= oldest then return {'diverged', 'a token of a branch that a failover discarded'} end
    finish('refresh_token_reused')
    return {'reused', 'generation ' .. n .. ' presented, ' .. generation .. ' is current'}
  end
  if age - replaced_at(n) > tonumber(ARGV[8]) then
    -- The predecessor, with its successor unused: the response was lost. Accepted in a few consecutive generations
    -- only, because two holders that take turns look the same. Within one generation it counts once.
    local times = grant[LOST_ANSWERS]
    if grant[LOST_ANSWER_AT] ~= generation then times = times + 1 end
    if n ~= generation - 1 or times > tonumber(ARGV[9]) then
      finish('refresh_token_reused')
      return {'reused', 'generation ' .. n .. ' presented after the reuse interval, ' .. generation .. ' is current'}
    end
    grant[LOST_ANSWERS], grant[LOST_ANSWER_AT] = times, generation
  end
  local pairs_of_chain = {}
  for i = n, generation - 1 do
    if salt_of(i) == LOST_SALT then return {'diverged', 'the successor was lost in a failover'} end
    pairs_of_chain[#pairs_of_chain + 1] = salt_of(i)
    pairs_of_chain[#pairs_of_chain + 1] = hash_of(i + 1)
  end
  local dropped = narrow()
  if not dropped then return list_is_full() end
  if is_revoked(dropped) then return ending_is_repeated() end
  grant[USED], grant[REFRESHED] = age, age
  write_grant(key, grant, 'KEEPTTL')
  local reply = answer('repeated', dropped)
  for _, text in ipairs(pairs_of_chain) do reply[#reply + 1] = text end
  return reply
end

-- The current generation, or one step ahead of it: a failover lost the write of this token.
if n > generation + 1 then
  return {'unknown', 'more than one generation newer than the stored one'}
end
local dropped = narrow()
if not dropped then return list_is_full() end
if is_revoked(dropped) then return ending_is_repeated() end

local replaced = string.format('%010x', age)
if n > generation then
  tokens = tokens .. LOST_SALT .. replaced
else
  tokens = string.sub(tokens, 1, -HASH_WIDTH - 1)
end
tokens = tokens .. ARGV[1] .. ARGV[6] .. replaced .. ARGV[5]
local successor = n + 1
local first = oldest
while first < n do
  if age - replaced_at(first) <= tonumber(ARGV[8]) and successor - first < tonumber(ARGV[10]) then break end
  first = first + 1
end
grant[TOKENS] = string.sub(tokens, (first - oldest) * TOKEN_WIDTH + 1)
grant[GENERATION], grant[ADDRESS] = successor, ARGV[12]
grant[USED], grant[REFRESHED] = age, age
grant[EXPIRES] = math.min(age + tonumber(ARGV[7]), grant[ABSOLUTE_EXPIRES])
if grant[LOST_ANSWER_AT] ~= n then
  grant[LOST_ANSWERS], grant[LOST_ANSWER_AT] = 0, -1
end
write_grant(key, grant, 'PXAT', integer(grant[CREATED_AT] + grant[EXPIRES]))
return answer(matches and 'rotated' or 'recovered', dropped)
