-- Release: the waves of a queue take turns, one id each (q.share), the highest priority first, until the queue
-- is as long as it should be, or as one worker wants to take from it now (q.floor). A call does at most a
-- hundred moves, or as many as are wanted, or as a queue should be long (up to `longest`), and looks at a hundred
-- waves; it says which queues it left early. Needs lib/queues and lib/waves. Keys of waves met in a turn list, of a
-- queue that a wave has moved to, and of higher priorities (turn:<q>:1..9) are built here, not in KEYS.
local moves, looks, longest = 100, 100, 0
local priorities = { '9', '8', '7', '6', '5', '4', '3', '2', '1', '0' }

local function numbers(list, from)
  local out = {}
  for i = from, #list do out[#out + 1] = list[i].no end
  return out
end

local function same(a, b)
  if #a ~= #b then return false end
  for i = 1, #a do
    if a[i] ~= b[i] then return false end
  end
  return true
end

-- The waves at the head of a list that can release something; leftovers and duplicates fall out.
local function gather(q, priority, seen, ring)
  for _, no in ipairs(seen) do
    local w = wave_of[no] or meet_wave(no)
    if w.turn == priority and w.priority == priority and w.queue == q.name and not w.ringed then
      w.listed = room(w) - w.take > 0
      if w.listed then
        w.ringed = true
        ring[#ring + 1] = w
      end
    end
  end
end

-- Appends to `order` the waves of one list in turn, and how many ids each time, until there are `want`.
local function serve(q, priority, order, want)
  local list, new = turn_list(q, priority), q.new[priority] or {}
  q.new[priority] = nil
  local all = false
  while order.ids < want and looks > 0 and not all do
    local k = math.min(want - order.ids, looks)
    local seen = call('LRANGE', list, '0', k)
    all = #seen <= k
    if not all then table.remove(seen) end
    looks = looks - #seen
    local ring, head = {}, 1
    gather(q, priority, seen, ring)
    if all then
      for _, w in ipairs(new) do
        if not w.ringed then ring[#ring + 1] = w end
      end
      new = {}
    end
    -- Where others wait further behind, each is served once: then it is their turn.
    local last = all and math.huge or #ring
    while order.ids < want and ring[head] and head <= last do
      local w = ring[head]
      -- none at a turn would never end
      local share = math.min(math.max(1, q.share), want - order.ids, room(w) - w.take)
      head = head + 1
      order[#order + 1], order.ids = { w, share }, order.ids + share
      w.take = w.take + share
      w.listed = room(w) - w.take > 0
      if w.listed then ring[#ring + 1] = w end
    end
    local back = numbers(ring, head)
    if not (all and same(seen, back)) then
      if #seen > 0 then call('LTRIM', list, #seen, '-1') end
      if #back > 0 then call('RPUSH', list, unpack(back)) end
    end
    for _, w in ipairs(ring) do w.ringed = false end
  end
  if #new > 0 then call('RPUSH', list, unpack(numbers(new, 1))) end
end

-- Moves the ids: backlog -> queue, each into its wave's window and the queue's demand.
local function move(q, order)
  local ids = {}
  for _, turn in ipairs(order) do
    local w, share = turn[1], turn[2]
    if w.take > 0 then
      w.ids, w.next = call('LPOP', w.backlog, w.take), 0
      call('SADD', w.window, unpack(w.ids))
      changed(w)
      w.take = 0
    end
    if #order == 1 then
      ids = w.ids
    else
      for i = w.next + 1, w.next + share do ids[#ids + 1] = w.ids[i] end
    end
    w.next = w.next + share
  end
  if #ids > 0 then
    call('RPUSH', q.key, unpack(ids))
    call('SADD', q.demand, unpack(ids))
  end
end

-- True where it stopped early.
local function release_queue(q)
  local target = tonumber(call('GET', q.target)) or 32
  moves = math.max(moves, math.min(target, longest))
  if target > 0 and q.floor > target then target = q.floor end
  local missing = target - call('LLEN', q.key)
  local want = math.max(0, math.min(missing, moves))
  local order = { ids = 0 }
  local higher = want > 0 and any_waits(q.turn)
  for _, p in ipairs(priorities) do
    if q.new[p] or want > 0 and (higher or p == '0') then serve(q, p, order, want) end
  end
  moves = moves - order.ids
  move(q, order)
  return missing > order.ids and (moves == 0 or looks == 0)
end

-- Writes into the hashes which waves are enlisted now.
local function write_turns()
  for _, w in pairs(wave_of) do
    local turn = w.open and w.listed and w.priority or false
    if turn ~= w.turn and w.open then
      if turn then call('HSET', w.key, 'turn', turn) else call('HDEL', w.key, 'turn') end
      w.turn = turn
    end
  end
end

-- Releases every queue of the call. Returns how many were left early, and their indexes.
local function release()
  local early = { 0 }
  for _, q in ipairs(queues) do
    if release_queue(q) and q.index then
      early[1] = early[1] + 1
      early[#early + 1] = q.index
    end
  end
  write_turns()
  return early
end
