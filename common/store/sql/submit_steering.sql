-- Before a wave with a plan, a deadline, a canary, a limit of failures or dependencies: workers of an earlier
-- release would run it without minding them, so there must be none; and the waves that it depends on
-- must be there, and not have ended badly.
-- $1 text[] wave_ids that it depends on
SELECT refuse('WF409', format('worker %s on %s is of an earlier release and knows neither start_at, '
                              'depends_on, canary, max_failures nor deadline_at: replace it first',
                              worker_id, host))
  FROM workers WHERE alive AND protocol < 2
UNION ALL
SELECT CASE WHEN o.wave_no IS NULL THEN refuse('WF422', format('depends_on: there is no wave "%s"', d.id))
            WHEN o.completed_at IS NOT NULL AND o.state <> 'completed'
            THEN refuse('WF409', format('depends_on: wave "%s" has ended as %s', d.id, o.state)) END
  FROM unnest($1::text[]) d (id) LEFT JOIN waves o ON o.wave_id = d.id
