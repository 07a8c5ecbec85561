-- Deletes the keys of an ended wave, unless the hash knows a newer version. What was in its window is
-- no demand any more.
--   KEYS and ARGV: lib/waves with one queue and one wave, nothing of its own. Returns 1 or 0.
-- include: waves
local w = waves[1]
if w.open and w.told < w.version then return 0 end
local count = call('SCARD', w.window)
if count > 1000 then
  call('SDIFFSTORE', w.home.demand, w.home.demand, w.window)
elseif count > 0 then
  call('SREM', w.home.demand, unpack(call('SMEMBERS', w.window)))
end
if w.turn then call('LREM', turn_list(w.home, w.turn), 0, w.no) end
call('UNLINK', w.key, w.backlog, w.window)
return 1
