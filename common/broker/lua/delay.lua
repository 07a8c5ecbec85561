-- Adds what is missing in `delayed`, and brings forward what stands there for later. KEYS: delayed.
-- ARGV: id, ms until due, …
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local args = {}
for i = 1, #ARGV, 2 do
  args[i], args[i + 1] = now + ARGV[i + 1], ARGV[i]
end
return redis.call('ZADD', KEYS[1], 'LT', unpack(args))
