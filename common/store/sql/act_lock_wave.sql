-- First statement of an act on a wave: locks it, or says that there is none.
-- $1 wave_id
WITH w AS MATERIALIZED (
    SELECT wave_no FROM waves WHERE wave_id = $1::text FOR UPDATE)
SELECT CASE WHEN EXISTS (SELECT FROM w) THEN true
            ELSE refuse('WF404', format('there is no wave "%s"', $1::text)) END
