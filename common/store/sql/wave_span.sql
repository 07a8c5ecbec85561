-- Where the migrations of a wave are found: in its range of ids, if that is its own, else by its number.
-- $1 wave_id
SELECT wave_no, coalesce(last_id - first_id < total, false), coalesce(first_id, 0) - 1, coalesce(last_id, 0)
  FROM waves WHERE wave_id = $1::text
