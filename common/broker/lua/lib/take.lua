-- Take: the end of a script that brings a worker new ids. Needs lib/queues, lib/waves and lib/release.

-- How many of each of the first `sources` queues, one from each in turn.
local function shares(want, least, sources)
  local share, length, left, found = {}, {}, want, true
  for i = 1, sources do share[i], length[i] = 0, may_take(call('LLEN', queues[i].key), want, least) end
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
