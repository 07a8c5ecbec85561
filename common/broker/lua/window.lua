-- Mends a wave's window, with or without its hash; then enlists and releases.
--   own ARGV  release (1: enlists and releases), how many to add, these ids, the ids to remove
-- Returns what release() does.
-- include: queues
-- include: waves
-- include: release
local w = waves[1]
local first = own_arg + 2
local drop = first + tonumber(ARGV[own_arg + 1])
if drop > first then call('SADD', w.window, unpack(ARGV, first, drop - 1)) end
if #ARGV >= drop then
  call('SREM', w.window, unpack(ARGV, drop))
  call('SREM', w.home.demand, unpack(ARGV, drop))
end
take_facts(w)
if ARGV[own_arg] == '1' then
  enlist(w, true)
  return release()
end
write_turns()
return { 0 }
