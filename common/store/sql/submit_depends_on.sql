-- Before a wave that depends on others: these must be there, and not have ended badly.
-- $1 text[] wave_ids that it depends on
SELECT CASE WHEN o.wave_no IS NULL THEN refuse('WF422', format('depends_on: there is no wave "%s"', d.id))
            WHEN o.completed_at IS NOT NULL AND o.state <> 'completed'
            THEN refuse('WF409', format('depends_on: wave "%s" has ended as %s', d.id, o.state)) END
  FROM unnest($1::text[]) d (id) LEFT JOIN waves o ON o.wave_id = d.id
