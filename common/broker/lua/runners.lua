-- How long a queue is kept, for a few minutes; then releases.
--   KEYS and ARGV: lib/waves with one queue; own ARGV: target, ms that it holds, how many ids of a wave at its turn.
-- Returns what release() does.
-- include: queues
-- include: waves
-- include: release
call('SET', queues[1].target, ARGV[own_arg], 'PX', ARGV[own_arg + 1])
queues[1].share = tonumber(ARGV[own_arg + 2])
return release()
