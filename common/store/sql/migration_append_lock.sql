-- Before a migration is added to a wave: locks it. No row: there is no such wave.
-- $1 wave_id
SELECT wave_no FROM waves WHERE wave_id = $1::text FOR UPDATE
