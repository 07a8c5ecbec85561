-- Entries that are due, which are put off a second: whoever asked them has so long to promote them, and others
-- need not ask PostgreSQL for the same. KEYS: delayed. ARGV: limit.
-- Returns ms until the next one (0: more are due now, -1: none), then id, score of each, as it is now.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit = tonumber(ARGV[1])
local due = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, limit)
local wait = 0
if #due < limit then
  local next = redis.call('ZRANGE', KEYS[1], '(' .. string.format('%.0f', now), '+inf', 'BYSCORE',
    'LIMIT', 0, 1, 'WITHSCORES')
  wait = next[2] and math.ceil(tonumber(next[2]) - now) or -1
end
local score, args, out = string.format('%.0f', now + 1000), {}, { wait }
for _, id in ipairs(due) do
  args[#args + 1] = score
  args[#args + 1] = id
  out[#out + 1] = id
  out[#out + 1] = score
end
if #args > 0 then redis.call('ZADD', KEYS[1], unpack(args)) end
return out
