-- Says that an installation uses these keys, and tells which do.
-- KEYS: installations. ARGV: its name ('': only looks), ms after which one that says nothing is gone
-- Returns the names of all that are there, at most ten, in the order of the alphabet.
local key, name, gone_ms = KEYS[1], ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if name ~= '' then
  redis.call('ZADD', key, now, name)
  redis.call('PEXPIRE', key, gone_ms)
end
redis.call('ZREMRANGEBYSCORE', key, '-inf', now - gone_ms)
local names = redis.call('ZREVRANGE', key, 0, 9)
table.sort(names)
return names
