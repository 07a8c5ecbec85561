-- First statement of a settlement: an act on one of the waves waits, or has been done and is seen.
-- $1 bigint[] migration ids whose waves are not known   $2 bigint[] waves
SELECT w.wave_no FROM waves w
 WHERE w.wave_no = ANY (ARRAY(SELECT m.wave_no FROM migrations m WHERE m.id = ANY ($1::bigint[]))
                        || $2::bigint[])
 ORDER BY w.wave_no FOR KEY SHARE
