-- Puts ids (at most a thousand) into the backlog of an open wave.
--   own KEYS  depth:<queue>
--   own ARGV  open, release (lib/backlog), front (1: LPUSH), the ids (none: only opens)
-- Returns what release() does.
-- include: queues
-- include: waves
-- include: release
-- include: backlog
local from = own_arg + 3
if w.open and #ARGV >= from then
  call(ARGV[own_arg + 2] == '1' and 'LPUSH' or 'RPUSH', w.backlog, unpack(ARGV, from))
  appended(#ARGV - from + 1)
end
return finish_push()
