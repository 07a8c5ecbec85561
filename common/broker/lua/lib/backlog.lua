-- Opens the wave of a submit or push, and ends it. Needs lib/waves and lib/release.
--   own KEYS  depth:<queue>
--   own ARGV  open (1: makes the hash where it is not), release (1: enlists and releases), …
local w, depth = waves[1], KEYS[own_key]
if ARGV[own_arg] == '1' then open_wave(w) else take_facts(w) end

local function appended(count)
  call('INCRBY', depth, count)
  changed(w)
end

local function finish_push()
  if ARGV[own_arg + 1] == '1' then enlist(w, true) return release() end
  write_turns()
  return { 0 }
end
