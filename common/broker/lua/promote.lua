-- Puts due entries where their state says; only those whose score is unchanged. Polls are let in at the pace of
-- whom they ask, and while their queue is short: no wave waits behind them. The others come due again at
-- random.
--   own KEYS  delayed; rate:<limit>, polls:<limit>: when the next call, the next poll may go, in microseconds
--   own ARGV  calls per second, a random number; for each wave, and once more for ids of no known wave:
--             how many, then for each:
--             id, score, end (0 settled, 1 running, 2 parked, 3 retrying, 4 pending), ms until due
-- Returns what release() does.
-- include: queues
-- include: waves
-- include: release
local delayed, turns, pace = KEYS[own_key], KEYS[own_key + 1], KEYS[own_key + 2]
local per_second = tonumber(ARGV[own_arg])
local early = 200000 -- microseconds that a poll may go before its time
local groups, ids = {}, {}
local at = own_arg + 2
for i = 1, wave_count + 1 do
  local group = { wave = waves[i], first = at + 1, last = at + 4 * tonumber(ARGV[at]) }
  groups[i] = group
  for j = group.first, group.last, 4 do ids[#ids + 1] = ARGV[j] end
  at = group.last + 1
end
local scores = #ids > 0 and call('ZMSCORE', delayed, unpack(ids)) or {}
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local gone, again, nth = {}, {}, 0
local now_us, free, step = time[1] * 1000000 + time[2], nil, nil
local crowd, crowd_due -- how many are scheduled, how many of these are due

local function later(id, wait)
  again[#again + 1] = now + wait
  again[#again + 1] = id
end

-- Comes due again within that time or a second.
local function put_off(id, within)
  if not crowd then math.randomseed(tonumber(ARGV[own_arg + 1])) end
  crowd = crowd or call('ZCARD', delayed)
  later(id, math.ceil(math.random() * math.max(1000, within())))
end

-- What the polls of all who wait take at that pace; what those that are due take of the workers.
local function whole_round() return 1000 * crowd / per_second end
local function rush()
  crowd_due = crowd_due or call('ZCOUNT', delayed, '-inf', string.format('%.0f', now + 1000))
  return crowd_due
end

-- A little slower than the calls may be; a quarter of that where runners wait for their turns already, so that
-- fewer of them do, and starts have theirs.
local function read_pace()
  local line = (tonumber(call('GET', turns)) or 0) - now_us
  free = math.max(now_us, tonumber(call('GET', pace)) or 0)
  step = (line > early and 4000000 or 1050000) / per_second
end

-- Whether one more poll may stand in its queue; puts it off where not.
local function let_in(id, q)
  if not free then read_pace() end
  if free - now_us > early then return put_off(id, whole_round) end
  if not q.room then
    q.room = 2 * math.max(tonumber(call('GET', q.target)) or 0, 32) - call('LLEN', q.key)
  end
  if q.room <= 0 then return put_off(id, rush) end
  free, q.room = free + step, q.room - 1
  return true
end

-- One entry of a wave in queue `q`; `add` is { key = { ids } } for each kind of change.
local function place(id, state, wait, q, add)
  if wait > 0 and (state == '2' or state == '3') then return later(id, wait) end
  if state == '2' and q and not let_in(id, q) then return end
  gone[#gone + 1] = id
  if state == '0' then
    table.insert(add.settled, id)
  elseif state == '2' then
    table.insert(add.polls, id)
  elseif state == '3' or state == '4' then
    table.insert(add.backlog, 1, id)
  end
end

local function place_group(group)
  local w = group.wave
  local add = { settled = {}, polls = {}, backlog = {} }
  for j = group.first, group.last, 4 do
    nth = nth + 1
    if tonumber(scores[nth]) == tonumber(ARGV[j + 1]) then
      place(ARGV[j], ARGV[j + 2], tonumber(ARGV[j + 3]), w and w.home, add)
    end
  end
  if not w then return end
  take_facts(w)
  if #add.settled > 0 then
    call('SREM', w.window, unpack(add.settled))
    call('SREM', w.home.demand, unpack(add.settled))
  end
  if #add.polls > 0 then
    call('SADD', w.window, unpack(add.polls))
    call('RPUSH', w.home.key, unpack(add.polls))
    call('SADD', w.home.demand, unpack(add.polls))
  end
  if #add.backlog > 0 and w.open then call('LPUSH', w.backlog, unpack(add.backlog)) end
end

for i = 1, wave_count + 1 do place_group(groups[i]) end
if #gone > 0 then call('ZREM', delayed, unpack(gone)) end
if free then call('SET', pace, string.format('%.0f', free), 'PX', math.ceil((free - now_us) / 1000) + 1000) end
if #again > 0 then call('ZADD', delayed, unpack(again)) end
for _, w in ipairs(waves) do enlist(w) end
return release()
