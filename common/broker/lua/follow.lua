-- What follows bodies that have ended, so that it is claimed together with their settlement. Their slots are freed
-- already, and given to what comes next in their waves. Where a queue has something lined up, that is taken
-- instead: whoever freed a slot there might see it go to a worker that claims before the settlement. Many slots of
-- one wave pass from hand to hand, past what is lined up, where no other has anything lined up or waits for its turn.
--   own KEYS  processing:<worker>
--   own ARGV  want, 1 where slots may pass from hand to hand, how many waves; for each: its number, how many ids,
--             the ids
-- Returns what release() does, 1 if slots were freed (0: all that ended was of queues with something lined up), then
-- the ids taken, in one text (take).
-- include: queues
-- include: waves
-- include: release
-- include: take
local want, may_pass, at = tonumber(ARGV[own_arg]), ARGV[own_arg + 1] == '1', own_arg + 3
local empty, freed, passed = {}, 0, {}
local look = 100 -- with so many lined up nobody waits for more
for _, q in ipairs(queues) do empty[q.name] = call('LLEN', q.key) == 0 end

-- Whether all that is lined up is of this wave, and no other waits for its turn.
local function alone(w, q)
  if any_waits(q.turn, q.turn) then return false end
  local ids = call('LRANGE', q.key, '0', look - 1)
  if #ids == 0 then return true end
  if #ids == look then return false end
  for _, member in ipairs(call('SMISMEMBER', w.window, unpack(ids))) do
    if member == 0 then return false end
  end
  return true
end

-- Where nothing is lined up somebody may have nothing to do: a few are left to the finish, and so to all.
local function pass(w, q, first, count)
  if empty[q.name] then count = count - math.ceil(count / 32) end
  if count == 0 then return end
  call('SREM', w.window, unpack(ARGV, first, first + count - 1))
  call('SREM', q.demand, unpack(ARGV, first, first + count - 1)) -- nobody takes it for more than the window
  changed(w)
  local n = math.min(room(w), count)
  if n > 0 then
    local ids = call('LPOP', w.backlog, n)
    call('SADD', w.window, unpack(ids))
    call('SADD', q.demand, unpack(ids))
    call('RPUSH', KEYS[own_key], unpack(ids))
    for _, id in ipairs(ids) do passed[#passed + 1] = id end
    changed(w)
  end
  enlist(w)
  freed = 1
end

for _ = 1, tonumber(ARGV[own_arg + 2]) do
  local w, first, count = meet_wave(ARGV[at]), at + 2, tonumber(ARGV[at + 1])
  local q = queue_of[w.queue]
  if may_pass then
    if w.open and q and alone(w, q) then pass(w, q, first, count) end
  elseif w.open and empty[w.queue] then
    call('SREM', w.window, unpack(ARGV, first, first + count - 1))
    enlist(w)
    freed = 1
  end
  at = first + count
end
local out = release()
out[#out + 1] = freed
if #passed > 0 then
  out[#out + 1] = table.concat(passed, ' ')
else
  take(want, want, queue_count, KEYS[own_key], out)
end
return out
