-- Entries that are due. KEYS: delayed. ARGV: limit.
-- Returns ms until the next one (0: more are due now, -1: none), then id, score of each.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit = tonumber(ARGV[1])
local out = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, limit, 'WITHSCORES')
local wait = 0
if #out < 2 * limit then
  local next = redis.call('ZRANGE', KEYS[1], '(' .. string.format('%.0f', now), '+inf', 'BYSCORE',
    'LIMIT', 0, 1, 'WITHSCORES')
  wait = next[2] and math.ceil(tonumber(next[2]) - now) or -1
end
table.insert(out, 1, wait)
return out
