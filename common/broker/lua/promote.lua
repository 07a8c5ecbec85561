-- Puts due entries where their state says; only those whose score is unchanged.
--   own KEYS  delayed
--   own ARGV  for each wave, and once more for ids of no known wave: how many, then for each:
--             id, score, end (0 settled, 1 running, 2 parked, 3 retrying, 4 pending), ms until due
-- Returns what release() does.
-- include: waves
-- include: release
local delayed = KEYS[own_key]
local groups, ids = {}, {}
local at = own_arg
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

-- One entry; `add` is { key = { ids } } for each kind of change.
local function place(id, state, wait, add)
  if wait > 0 and (state == '2' or state == '3') then
    again[#again + 1] = now + wait
    again[#again + 1] = id
    return
  end
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
      place(ARGV[j], ARGV[j + 2], tonumber(ARGV[j + 3]), add)
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
if #again > 0 then call('ZADD', delayed, unpack(again)) end
for _, w in ipairs(waves) do enlist(w) end
return release()
