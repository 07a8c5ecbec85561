-- Before an act on waves, or their end: locks them, ascending; the next statement looks.
-- $1 bigint[] wave_nos
SELECT wave_no FROM waves WHERE wave_no = ANY ($1::bigint[]) ORDER BY wave_no FOR UPDATE
