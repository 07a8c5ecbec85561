-- What every script shares that touches waves: who they are, what is known of them, whose turn it is.
--   KEYS  for each queue: queue:<q>, demand:<q>, turn:<q>, target:<q>
--         for each wave:  wave:<n>, wave:<n>:backlog, wave:<n>:window
--         then the script's own, from KEYS[own_key]
--   ARGV  prefix, number of queues, number of waves, the queues' names,
--         for each wave: n, version, paused (0 or 1), batch_size, priority, index of its queue
--         then the script's own, from ARGV[own_arg]
-- Numbers that are written out stand as text: Redis prints a number with %.17g, which costs more than
-- the command.
local call = redis.call
local prefix = ARGV[1]
local queue_count, wave_count = tonumber(ARGV[2]), tonumber(ARGV[3])
local own_key = 4 * queue_count + 3 * wave_count + 1
local own_arg = 3 + queue_count + 6 * wave_count + 1
local queues, queue_of = {}, {}
local waves, wave_of = {}, {}

-- The wave as its hash has it (a hash that lacks something is none). `turn` there is the priority under
-- which it is enlisted.
local function read_wave(no, key, backlog, window)
  local h = call('HMGET', key, 'version', 'paused', 'batch_size', 'queue', 'priority', 'turn')
  local w = {
    no = no, key = key, backlog = backlog, window = window,
    open = (h[1] and h[2] and h[3] and h[4] and h[5]) ~= false,
    version = tonumber(h[1]) or 0, paused = h[2], batch = tonumber(h[3]) or 0,
    queue = h[4], priority = h[5], turn = h[6], listed = h[6] and h[6] == h[5], new = false,
    card = false, length = false, -- read when they are needed
    at = false, told = false, home = false, -- what this call says of it
    take = 0, ringed = false, ids = false, next = 0, -- in a release
  }
  wave_of[no] = w
  return w
end

-- A wave that this call was not told of: met in a turn list.
local function meet_wave(no)
  local key = prefix .. 'wave:' .. no
  return read_wave(no, key, key .. ':backlog', key .. ':window')
end

local function write_facts(w)
  local at = w.at
  local paused, batch, priority, queue = ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], w.home.name
  local moved = queue ~= w.queue or priority ~= w.priority
  if w.open and not moved and w.told == w.version and paused == w.paused
      and tonumber(batch) == w.batch then
    return
  end
  call('HSET', w.key, 'version', ARGV[at + 1], 'paused', paused, 'batch_size', batch,
    'queue', queue, 'priority', priority)
  w.open, w.version, w.paused, w.batch = true, w.told, paused, tonumber(batch)
  w.queue, w.priority = queue, priority
  if moved then w.listed = false end
end

-- Takes over what a transaction saw, where the hash is and knows nothing newer.
local function take_facts(w)
  if w.open and w.told >= w.version then write_facts(w) end
end

-- The same, and makes the hash where it is not.
local function open_wave(w)
  if not w.open or w.told >= w.version then write_facts(w) end
end

local function add_queue(name, index, key, demand, turn, target)
  local q = {
    name = name, index = index, key = key, demand = demand, turn = turn, target = target,
    new = {}, there = {}, gone = {}, floor = 0, share = 1,
  }
  queues[#queues + 1], queue_of[name] = q, q
  return q
end

-- The queue of a wave that has moved since the transaction saw it: nobody gave us its keys.
local function meet_queue(name)
  return add_queue(name, false, prefix .. 'queue:' .. name, prefix .. 'demand:' .. name,
    prefix .. 'turn:' .. name, prefix .. 'target:' .. name)
end

for i = 1, queue_count do
  add_queue(ARGV[3 + i], i, KEYS[4 * i - 3], KEYS[4 * i - 2], KEYS[4 * i - 1], KEYS[4 * i])
end
for i = 1, wave_count do
  local at, key = 4 + queue_count + 6 * (i - 1), 4 * queue_count + 3 * i - 2
  local w = read_wave(ARGV[at], KEYS[key], KEYS[key + 1], KEYS[key + 2])
  w.at, w.told, w.home = at, tonumber(ARGV[at + 1]), queues[tonumber(ARGV[at + 5])]
  waves[i] = w
end

-- How many ids the wave could release now. Whoever changes window or backlog calls changed().
local function room(w)
  if not w.open or w.paused ~= '0' then return 0 end
  w.card = w.card or call('SCARD', w.window)
  if w.card >= w.batch then return 0 end
  w.length = w.length or call('LLEN', w.backlog)
  return math.min(w.batch - w.card, w.length)
end

local function changed(w)
  w.card, w.length = false, false
end

local function turn_list(q, priority)
  return priority == '0' and q.turn or q.turn .. ':' .. priority
end

-- Whether an enlisted wave is in its list. The quick look believes any list that exists.
local function in_turn(w, q, thorough)
  local list = turn_list(q, w.priority)
  if thorough then
    return call('LLEN', list) > 10000 or call('LPOS', list, w.no, 'MAXLEN', '10000') ~= false
  end
  if q.there[list] == nil then q.there[list] = call('EXISTS', list) == 1 end
  return q.there[list]
end

-- Lets a wave take part in release if it could release something. Once: its hash says so.
local function enlist(w, thorough)
  if w.new or room(w) <= 0 then return end
  local q = queue_of[w.queue] or meet_queue(w.queue)
  if w.listed and in_turn(w, q, thorough) then return end
  w.listed, w.new = true, true
  q.new[w.priority] = q.new[w.priority] or {}
  table.insert(q.new[w.priority], w)
end
