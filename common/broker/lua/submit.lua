-- Appends the ids first..last (at most a thousand) to the backlog of an open wave.
--   own KEYS  depth:<queue>
--   own ARGV  open, release (lib/backlog), first, last
-- Returns what release() does.
-- include: queues

-- A new wave of a few ids, while no other waits for its turn and the queue has room for all: they are lined up at once,
-- as the steps below would come to, which cost a small wave a tenth of the time until its body begins.
do
  local queue, demand, turn, target, wave, backlog, window, depth = unpack(KEYS)
  local _, _, _, name, _, version, paused, batch, priority, _, open, release, first, last = unpack(ARGV)
  local count = last - first + 1
  if open == '1' and release == '1' and paused == '0' and count > 0 and count <= 16 and count <= tonumber(batch)
      and not any_waits(turn, turn, wave, backlog, window)
      and redis.call('LLEN', queue) + count <= tonumber(redis.call('GET', target) or 32) then
    local ids = { first }
    for i = 2, count do ids[i] = string.format('%.0f', first + i - 1) end
    redis.call('HSET', wave, 'version', version, 'paused', paused, 'batch_size', batch, 'queue', name,
      'priority', priority)
    redis.call('INCRBY', depth, count)
    redis.call('SADD', window, unpack(ids))
    redis.call('SADD', demand, unpack(ids))
    redis.call('RPUSH', queue, unpack(ids))
    return { 0 }
  end
end

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
