-- For this transaction: counting a million rows is done in memory, not on disk.
SELECT set_config('work_mem', '32MB', true)
