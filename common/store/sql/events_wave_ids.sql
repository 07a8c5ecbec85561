-- What waves are called.
-- $1 bigint[] wave_nos
SELECT wave_no, wave_id FROM waves WHERE wave_no = ANY ($1::bigint[])
