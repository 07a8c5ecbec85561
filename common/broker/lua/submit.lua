-- Appends the ids first..last (at most a thousand) to the backlog of an open wave.
--   own KEYS  depth:<queue>
--   own ARGV  open, release (lib/backlog), first, last
-- Returns what release() does.
-- include: waves
-- include: release
-- include: backlog
local first, last = tonumber(ARGV[own_arg + 2]), tonumber(ARGV[own_arg + 3])
if w.open and first <= last then
  local ids = {}
  for id = first, last do ids[id - first + 1] = id end
  call('RPUSH', w.backlog, unpack(ids))
  appended(#ids)
end
return finish_push()
