-- Takes over what a transaction saw of waves, enlists them (looking whether they really are in turn),
-- releases. KEYS and ARGV: lib/waves, nothing of its own. Returns what release() does.
-- include: queues
-- include: waves
-- include: release
for _, w in ipairs(waves) do
  take_facts(w)
  enlist(w, true)
end
return release()
