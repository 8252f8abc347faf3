-- Accounts for one registration that was never used, and evicts others beyond the budget of its share.
-- Invariants: the bytes of a share, a site and a subscriber are the sums of their entries' charges; an id has at most one
-- entry. One call evicts at least what it adds, up to 16 entries, so that concurrent calls cannot exceed the budget: the
-- oldest entry of the heaviest site, of its heaviest subscriber among the 16 oldest; never the entry of this call.
-- An entry in the shared share never moves out of it. Work is bounded: at most 64 expired entries are dropped.
-- KEYS[1] entries (hash): client id to "share site subscriber stamp charge"
-- KEYS[2] by_site (sorted set, scores 0): "share site stamp id", so that the oldest of a site comes first
-- KEYS[3] by_expiry (sorted set): ids of all registrations by expiry, used ones too
-- KEYS[4] open_sites, KEYS[5] shared_sites (sorted sets): bytes of each site
-- KEYS[6] bytes (hash): bytes of each share and of each "share subscriber"; the last stamp
-- KEYS[7] evicted (sorted set by time): "id stamp" of evicted entries whose client is still to be deleted
-- ARGV[1] client id  ARGV[2] now in seconds  ARGV[3] charge in bytes, 0 to remove the entry: used or ended
-- For a charge: ARGV[4] expiry in seconds  ARGV[5] share  ARGV[6] site  ARGV[7] subscriber  ARGV[8] bytes of a share
-- ARGV[9] time in seconds: older evictions that are not carried out yet are returned too
-- Returns {stamp, {evicted, time, evicted, time, ...}}: the evictions of this call, and up to 16 that others left undone.
local entries, by_site, by_expiry, bytes, evicted = KEYS[1], KEYS[2], KEYS[3], KEYS[6], KEYS[7]
local sites = {open = KEYS[4], shared = KEYS[5]}

local function charge(share, site, subscriber, amount)
  redis.call('HINCRBY', bytes, share, amount)
  if tonumber(redis.call('ZINCRBY', sites[share], amount, site)) <= 0 then
    redis.call('ZREM', sites[share], site)
  end
  if redis.call('HINCRBY', bytes, share .. ' ' .. subscriber, amount) <= 0 then
    redis.call('HDEL', bytes, share .. ' ' .. subscriber)
  end
end

local function remove(id)
  local entry = redis.call('HGET', entries, id)
  if not entry then
    return nil
  end
  local share, site, subscriber, stamp, amount = string.match(entry, '^(%S+) (%S+) (%S+) (%d+) (%d+)$')
  redis.call('HDEL', entries, id)
  redis.call('ZREM', by_site, share .. ' ' .. site .. ' ' .. stamp .. ' ' .. id)
  charge(share, site, subscriber, -tonumber(amount))
  return stamp, share, site, subscriber
end

local function oldest(share, site)
  local prefix = share .. ' ' .. site .. ' '
  local found, most = nil, -1
  for _, member in ipairs(redis.call('ZRANGEBYLEX', by_site, '[' .. prefix, '(' .. prefix .. '~', 'LIMIT', 0, 16)) do
    local id = string.match(member, '(%S+)$')
    local subscriber = string.match(redis.call('HGET', entries, id), '^%S+ %S+ (%S+)')
    local held = tonumber(redis.call('HGET', bytes, share .. ' ' .. subscriber))
    if id ~= ARGV[1] and held > most then
      found, most = id, held
    end
  end
  return found
end

local function victim(share, turn)
  -- Equally heavy sites take turns. A site that holds nothing but this entry is passed over.
  local heaviest = redis.call('ZREVRANGE', sites[share], 0, 1, 'WITHSCORES')
  local equal = redis.call('ZCOUNT', sites[share], heaviest[2], heaviest[2])
  local first = redis.call('ZREVRANGE', sites[share], turn % math.min(equal, 256), turn % math.min(equal, 256))[1]
  return oldest(share, first) or oldest(share, heaviest[1]) or (heaviest[3] and oldest(share, heaviest[3]))
end

local _, held_share, held_site, held_subscriber = remove(ARGV[1])
if ARGV[3] == '0' then
  return {'', {}}
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', by_expiry, '-inf', '(' .. ARGV[2], 'LIMIT', 0, 64)) do
  remove(id)
  redis.call('ZREM', by_expiry, id)
end
local share, site, subscriber = ARGV[5], ARGV[6], ARGV[7]
if held_share == 'shared' and share == 'open' then
  share, site, subscriber = held_share, held_site, held_subscriber
end
local turn = redis.call('HINCRBY', bytes, 'stamp', 1)
local stamp = string.format('%012.0f', turn)
redis.call('HSET', entries, ARGV[1], table.concat({share, site, subscriber, stamp, ARGV[3]}, ' '))
redis.call('ZADD', by_site, 0, share .. ' ' .. site .. ' ' .. stamp .. ' ' .. ARGV[1])
redis.call('ZADD', by_expiry, 'GT', ARGV[4], ARGV[1])
charge(share, site, subscriber, tonumber(ARGV[3]))
local to_delete = redis.call('ZRANGEBYSCORE', evicted, '-inf', ARGV[9], 'WITHSCORES', 'LIMIT', 0, 16)
for _ = 1, 16 do
  local id = tonumber(redis.call('HGET', bytes, share)) > tonumber(ARGV[8]) and victim(share, turn)
  if not id then
    break
  end
  local member = id .. ' ' .. remove(id)
  redis.call('ZADD', evicted, ARGV[2], member)
  table.insert(to_delete, member)
  table.insert(to_delete, ARGV[2])
end
return {stamp, to_delete}
