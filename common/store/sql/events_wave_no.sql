-- The number of a wave.
-- $1 wave_id
SELECT wave_no FROM waves WHERE wave_id = $1::text
