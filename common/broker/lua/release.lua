-- Tops up queues. KEYS and ARGV: lib/waves, nothing of its own. Returns the queues left early.
-- include: waves
-- include: release
return release()
