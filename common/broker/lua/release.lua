-- Tops up queues.
--   own ARGV  how many ids of a wave at its turn
-- Returns what release() does.
-- include: queues
-- include: waves
-- include: release
for _, q in ipairs(queues) do q.share = tonumber(ARGV[own_arg]) end
return release()
