-- Tops up queues. KEYS and ARGV: lib/waves, nothing of its own. Returns what release() does.
-- include: waves
-- include: release
return release()
