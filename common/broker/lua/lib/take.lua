-- Take: the end of a script that brings a worker new ids. Needs lib/waves and lib/release.

-- Who wants all that is lined up leaves an eighth, beyond the least that it must have: where waves have narrow
-- windows, others could not get any otherwise. So all come to have about the same in hand.
local function lined_up(q, want, least)
  local length = call('LLEN', q.key)
  if length >= want then return length end
  return math.max(math.min(length, least), math.ceil(length * 7 / 8))
end

-- How many of each of the first `sources` queues, one from each in turn.
local function shares(want, least, sources)
  local share, length, left, found = {}, {}, want, true
  for i = 1, sources do share[i], length[i] = 0, lined_up(queues[i], want, least) end
  while left > 0 and found do
    found = false
    for i = 1, sources do
      if left > 0 and share[i] < length[i] then
        share[i], left, found = share[i] + 1, left - 1, true
      end
    end
  end
  return share
end

-- Moves up to `want` ids into the processing list, and appends them to `out`, in one text: an answer of its own for
-- each costs both sides more.
local function take(want, least, sources, processing, out)
  if want == 0 or sources == 0 then return end
  local share = sources == 1 and want == least and { want } or shares(want, least, sources)
  local taken = {}
  for i = 1, sources do
    if share[i] > 0 then
      local ids = call('LPOP', queues[i].key, share[i]) or {}
      if #taken == 0 then
        taken = ids
      else
        for _, id in ipairs(ids) do taken[#taken + 1] = id end
      end
    end
  end
  if #taken == 0 then return end
  call('RPUSH', processing, unpack(taken))
  out[#out + 1] = table.concat(taken, ' ')
end
