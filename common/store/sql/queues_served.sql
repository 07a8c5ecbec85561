-- The queues that living workers serve.
SELECT DISTINCT unnest(queues) FROM workers WHERE alive
