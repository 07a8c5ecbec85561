-- Sums lengths of lists. KEYS: depth:<queue>, the lists. ARGV: what comes to the sum, write (1: into
-- depth:<queue>). Returns the sum.
local sum = tonumber(ARGV[1])
for i = 2, #KEYS do sum = sum + redis.call('LLEN', KEYS[i]) end
if ARGV[2] == '1' then redis.call('SET', KEYS[1], sum) end
return sum
