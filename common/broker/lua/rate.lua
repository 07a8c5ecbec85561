-- The generic cell rate algorithm: one call every `interval`, in Redis' time.
--   KEYS  rate:<name>: when the next place is free, in microseconds
--   ARGV  calls per second, longest wait in ms
-- Returns 0: go; n > 0: wait n ms, the place is reserved; -n: not reserved, free in n ms.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval = 1000000 / tonumber(ARGV[1])
local free = math.max(now, tonumber(redis.call('GET', KEYS[1])) or 0)
local wait_ms = math.ceil((free - now) / 1000)
if wait_ms > tonumber(ARGV[2]) then return -wait_ms end
local after = free + interval
redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000) + 1000)
return wait_ms
