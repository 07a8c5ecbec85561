-- What Redis knows of waves. KEYS for each: wave:<n>, wave:<n>:backlog, wave:<n>:window.
-- Returns for each: open, version, paused, batch_size, length of the backlog, size of the window.
local out = {}
for i = 1, #KEYS, 3 do
  local h = redis.call('HMGET', KEYS[i], 'version', 'paused', 'batch_size', 'queue', 'priority')
  out[#out + 1] = h[1] and h[2] and h[3] and h[4] and h[5] and 1 or 0
  out[#out + 1] = tonumber(h[1]) or 0
  out[#out + 1] = h[2] and h[2] ~= '0' and 1 or 0
  out[#out + 1] = tonumber(h[3]) or 0
  out[#out + 1] = redis.call('LLEN', KEYS[i + 1])
  out[#out + 1] = redis.call('SCARD', KEYS[i + 2])
end
return out
