-- What follows bodies that have ended, so that it is claimed together with their settlement. Their slots are freed
-- already, and given to what comes next in their waves. Where a queue has something lined up, that is taken
-- instead: whoever freed a slot there might see it go to a worker that claims before the settlement.
--   own KEYS  processing:<worker>
--   own ARGV  want, how many waves; for each: its number, how many ids, the ids
-- Returns what release() does, 1 if slots were freed (0: all that ended was of queues with something lined up), then
-- the ids taken.
-- include: waves
-- include: release
-- include: take
local want, at = tonumber(ARGV[own_arg]), own_arg + 2
local empty, freed = {}, 0
for _, q in ipairs(queues) do empty[q.name] = call('LLEN', q.key) == 0 end
for _ = 1, tonumber(ARGV[own_arg + 1]) do
  local w, count = meet_wave(ARGV[at]), tonumber(ARGV[at + 1])
  if w.open and empty[w.queue] then
    call('SREM', w.window, unpack(ARGV, at + 2, at + 1 + count))
    enlist(w)
    freed = 1
  end
  at = at + 2 + count
end
local out = release()
out[#out + 1] = freed
take(want, want, queue_count, KEYS[own_key], out)
return out
