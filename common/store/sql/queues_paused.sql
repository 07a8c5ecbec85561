-- The queues of which nothing more is to be released.
SELECT queue FROM queues WHERE paused
