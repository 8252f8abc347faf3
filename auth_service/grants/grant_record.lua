
-- The record of a grant is one string: a JSON array with these positions, which record.py names as well. It is read and
-- written as a whole, so that positions that a later version appends are kept (invariant 11).
-- Times are ms after CREATED_AT, which is ms since 1970 by the clock of Redis.
local STATUS = 1            -- 'code': approved, the code is not redeemed. 'live'. 'ended'
local KIND = 2
local SUBJECT = 3
local USERNAME = 4
local CLIENT_ID = 5
local CLIENT_NAME = 6
local RESOURCE = 7
local SCOPE = 8             -- narrowed when the grant is refreshed
local REDIRECT_HOST = 9
local ON_DEVICE = 10
local REDIRECT_DIGEST = 11
local CHALLENGE = 12
local CODE_HASH = 13
local NONCE = 14            -- of the ID token; '' once the code is redeemed
local AUTHENTICATED_AT = 15 -- s since 1970
local ENTRY = 16            -- in the status list
local CREATED_AT = 17       -- approved; from the redemption on redeemed
local EXPIRES = 18          -- the code; from the redemption on the grant, if it is not used
local ABSOLUTE_EXPIRES = 19 -- the grant, used or not
local USED = 20             -- last contact of any kind
local REFRESHED = 21        -- last use of a refresh token; -1 for none
local ADDRESS = 22          -- of the client at the redemption or the last rotation
local REDEEMED_BY = 23      -- nonce of the attempt that redeemed the code
local REDEEMED_FROM = 24    -- its network
local GENERATION = 25       -- of the current refresh token
local LOST_ANSWERS = 26     -- consecutive generations that were presented again after the reuse interval
local LOST_ANSWER_AT = 27   -- the last such generation; -1 for none
local ENDED_REASON = 28
local ENDED = 29
-- The refresh tokens that are remembered, the oldest first: of each that was replaced its hash, the salt of its successor
-- (or LOST_SALT, if a failover lost the successor) and in hexadecimal when it was replaced; then the hash of the current
-- one. '' without refresh tokens, and once the grant has ended.
local TOKENS = 30
local IDENTITY = 31         -- key of the identity by which the user signed in; '' or nil after a password
local CLAIMS = 32           -- what access tokens may tell about the user; nil is nothing
local HASH_WIDTH, SALT_WIDTH, TIME_WIDTH = 22, 11, 10
local TOKEN_WIDTH = HASH_WIDTH + SALT_WIDTH + TIME_WIDTH
local LOST_SALT = string.rep('.', SALT_WIDTH)

local LIST_ENTRIES = 65536

local function now_ms()
  local clock = redis.call('TIME')
  return clock[1] * 1000 + math.floor(clock[2] / 1000)
end

local function integer(number)
  return string.format('%.0f', number)
end

local function read_grant(key)
  local record = redis.call('GET', key)
  return record and cjson.decode(record)
end

-- Ms since CREATED_AT; the clock goes back when a replica takes over.
local function age_of(grant, now)
  return math.max(0, now - grant[CREATED_AT])
end

-- What follows `grant` says when the key expires, as for SET.
local function write_grant(key, grant, ...)
  redis.call('SET', key, cjson.encode(grant), ...)
end

-- `tag` is a new one for the list.
local function revoke_entry(entry, revoked_key, status_key, tag)
  redis.call('SADD', revoked_key, entry)
  redis.call('HSET', status_key, 'tag', tag)
end

-- Invariant 12: ending a grant and revoking its entry are one step.
local function end_grant(key, grant, reason, now, remembered_ms, revoked_key, status_key, tag)
  revoke_entry(grant[ENTRY], revoked_key, status_key, tag)
  grant[STATUS], grant[ENDED_REASON], grant[ENDED], grant[TOKENS] = 'ended', reason, age_of(grant, now), ''
  write_grant(key, grant, 'PX', remembered_ms)
end

local function take_free_entry(allocated_key, candidates)
  local taken
  for candidate in string.gmatch(candidates, '%d+') do
    taken = tonumber(candidate)
    if redis.call('SETBIT', allocated_key, taken, 1) == 0 then return taken end
  end
  for _, first_byte in ipairs({math.floor(taken / 8), 0}) do
    local entry = redis.call('BITPOS', allocated_key, 0, first_byte)
    if entry < LIST_ENTRIES then
      redis.call('SETBIT', allocated_key, entry, 1)
      return entry
    end
  end
end

-- Invariant 12: an entry that no grant has had: the first candidate that is free, or the next free one; nil if the list is
-- full. `last` is when the last token that names it has expired (ms since 1970): the list is kept until then.
local function allocate_entry(allocated_key, status_key, candidates, last)
  local entry = take_free_entry(allocated_key, candidates)
  if not entry then return nil end
  if last > tonumber(redis.call('HGET', status_key, 'until') or '0') then
    redis.call('HSET', status_key, 'until', integer(last))
  end
  redis.call('HINCRBY', status_key, 'allocated', 1)
  return entry
end
