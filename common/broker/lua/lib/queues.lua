-- What is asked of one queue; without the waves, and before them.

-- Whether waves of a higher priority than 0 wait for their turn, or any of the other keys is there.
local function any_waits(turn, ...)
  local t = turn .. ':'
  return redis.call('EXISTS', t .. '1', t .. '2', t .. '3', t .. '4', t .. '5', t .. '6', t .. '7', t .. '8', t .. '9',
    ...) > 0
end

-- How many of so many lined up one may take. Who wants all leaves an eighth, beyond the least that it must have: where
-- waves have narrow windows, others could not get any otherwise. So all come to have about the same in hand.
local function may_take(length, want, least)
  if length >= want then return length end
  return math.max(math.min(length, least), math.ceil(length * 7 / 8))
end
