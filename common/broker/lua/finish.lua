-- Ends deliveries, takes over facts, releases, and takes new ids. The hottest script.
--   own KEYS  delayed, processing:<worker> (not there: nobody's deliveries, nothing is taken)
--   own ARGV  want, least (as of take), how many of the queues (from the first) to take from, how many ids of a wave
--             at its turn
--             for each wave: how many are settled, pending, retrying, parked, running;
--               their ids in that order; then ms until due of each retrying and each parked
--             how many ids belong to no wave that is known; these ids
-- Returns what release() does, then the ids taken in one text (take).
-- include: queues
local longest_line = 500 -- a queue that is to be longer is made that in several goes

-- A few jobs alone: settled, of one wave, while no other waits for its turn. Either runners are idle here for all of its free
-- slots, and nothing is lined up: what follows comes to this worker at once. Or it goes on waiting for its turn itself, since
-- it has more than the queue takes. As the steps below would come to, which cost up to twice as much.
do
  local queue, demand, turn, target, wave, backlog, window, _, processing = unpack(KEYS)
  local _, queue_count, wave_count, name, no, version, paused, batch, priority, _, want, least, sources, _, settled =
    unpack(ARGV)
  local count, first = tonumber(settled), 20
  local last = first + (count or 0) - 1
  local call = redis.call

  local function end_few()
    local removed = call('SREM', window, unpack(ARGV, first, last))
    call('SREM', demand, unpack(ARGV, first, last))
    for i = first, last do call('LREM', processing, '1', ARGV[i]) end
    return removed
  end

  local function release(n, where)
    local ids = n > 0 and call('LPOP', backlog, n == 1 and '1' or n)
    if not ids then return {} end
    call('SADD', window, unpack(ids))
    call('SADD', demand, unpack(ids))
    call('RPUSH', where, unpack(ids))
    return ids
  end

  if processing and queue_count == '1' and wave_count == '1' and sources == '1' and paused == '0'
      and count > 0 and count <= 16 and #ARGV == last + 1 then -- nothing else ends
    local h = call('HMGET', wave, 'version', 'paused', 'batch_size', 'queue', 'priority', 'turn')
    local same = h[1] == version and h[2] == paused and h[3] == batch and h[4] == name and h[5] == priority
    local goal = same and tonumber(call('GET', target)) or 32
    want, least, batch = tonumber(want), tonumber(least), tonumber(batch)
    if same and not h[6] and goal ~= 0 and not any_waits(turn, turn, queue) then
      local room = batch - call('SCARD', window)
      if room + count <= least then
        local ids = release(room + end_few(), processing)
        return { 0, #ids > 0 and table.concat(ids, ' ') or nil }
      end
    elseif same and h[6] == '0' and priority == '0' and not any_waits(turn) then
      local line, length = call('LRANGE', turn, '0', '1'), call('LLEN', queue)
      local missing = math.max(0, (goal > 0 and math.max(goal, want) or goal) - length)
      if #line == 1 and line[1] == no and missing <= math.max(100, want, math.min(goal, longest_line))
          and batch - call('SCARD', window) > missing and call('LLEN', backlog) > missing then
        end_few()
        length = length + #release(missing, queue)
        local share = want == least and want or math.min(want, may_take(length, want, least))
        local ids = share > 0 and call('LPOP', queue, share) or {}
        if #ids == 0 then return { 0 } end
        call('RPUSH', processing, unpack(ids))
        return { 0, table.concat(ids, ' ') }
      end
    end
  end
end

-- include: waves
-- include: release
-- include: take
local delayed, processing = KEYS[own_key], KEYS[own_key + 1]
local want, least, sources = tonumber(ARGV[own_arg]), tonumber(ARGV[own_arg + 1]), tonumber(ARGV[own_arg + 2])
local at = own_arg + 4
local due, now = {}, nil
local ended = {} -- ids whose deliveries end
local read_max = 4000 -- of the processing list: as many are written by one command

-- What is finished together was mostly taken together: the head of the list, a quarter longer, is read, then as much
-- again, while many are missing, and written anew without them as far as there are such. Whatever stands further behind
-- is looked for one by one, which takes much longer.
local function unprocess()
  local count, missing, kept, read = {}, #ended, {}, 0
  local step = math.floor(#ended * 1.25) + 8
  local gone, before = 0, 0 -- how long the head is that is written anew, and how many of it are kept
  for _, id in ipairs(ended) do count[id] = (count[id] or 0) + 1 end
  while missing > 8 and read < read_max do
    local ids = call('LRANGE', processing, read, read + step - 1)
    if #ids == 0 then break end
    for i, id in ipairs(ids) do
      if (count[id] or 0) > 0 then
        count[id] = count[id] - 1
        missing = missing - 1
        gone, before = read + i, #kept
      else
        kept[#kept + 1] = id
      end
    end
    read = read + #ids
  end
  if gone > 0 then
    call('LTRIM', processing, gone, '-1')
    local head = {} -- LPUSH turns it round
    for i = before, 1, -1 do head[#head + 1] = kept[i] end
    if before > 0 then call('LPUSH', processing, unpack(head)) end
  end
  for id, times in pairs(count) do
    if times > 0 then call('LREM', processing, times, id) end
  end
end

local function end_all(from, to)
  for i = from, to do ended[#ended + 1] = ARGV[i] end
end

local function no_demand(q, from, to)
  local gone = q.gone
  for i = from, to do gone[#gone + 1] = ARGV[i] end
end

-- ids in ARGV[ids .. ids+count-1], their waits from ARGV[waits]
local function schedule(ids, waits, count)
  if count > 0 and not now then
    local time = call('TIME')
    now = time[1] * 1000 + math.floor(time[2] / 1000)
  end
  for i = 0, count - 1 do
    due[#due + 1] = now + ARGV[waits + i]
    due[#due + 1] = ARGV[ids + i]
  end
end

local function end_deliveries(w)
  local settled, pending, retrying, parked, running = tonumber(ARGV[at]), tonumber(ARGV[at + 1]),
    tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local first = at + 5
  local first_pending = first + settled
  local first_retrying = first_pending + pending
  local first_parked = first_retrying + retrying
  local first_running = first_parked + parked
  local waits = first_running + running
  end_all(first, waits - 1)
  if first_parked > first then
    call('SREM', w.window, unpack(ARGV, first, first_parked - 1))
  end
  no_demand(w.home, first, first_running - 1)
  schedule(first_retrying, waits, retrying + parked)
  if pending > 0 and w.open then
    call('LPUSH', w.backlog, unpack(ARGV, first_pending, first_retrying - 1))
  end
  at = waits + retrying + parked
end

for _, w in ipairs(waves) do
  take_facts(w)
  end_deliveries(w)
end
local strays = tonumber(ARGV[at])
end_all(at + 1, at + strays)
if processing then unprocess() end
for _, q in ipairs(queues) do
  no_demand(q, at + 1, at + strays)
  if #q.gone > 0 then call('SREM', q.demand, unpack(q.gone)) end
end
if #due > 0 then call('ZADD', delayed, unpack(due)) end

for _, w in ipairs(waves) do enlist(w) end
if processing then
  moves, longest = math.max(moves, want), longest_line
  for i = 1, sources do queues[i].floor = want end
  for _, q in ipairs(queues) do q.share = tonumber(ARGV[own_arg + 3]) end
end
local out = release()

if processing then take(want, least, sources, processing, out) end
return out
