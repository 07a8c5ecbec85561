-- Mends demand:<queue>. KEYS: demand:<queue>. ARGV: how many to add, these ids, the ids to remove.
local drop = 2 + tonumber(ARGV[1])
if drop > 2 then redis.call('SADD', KEYS[1], unpack(ARGV, 2, drop - 1)) end
if #ARGV >= drop then redis.call('SREM', KEYS[1], unpack(ARGV, drop)) end
return 1
