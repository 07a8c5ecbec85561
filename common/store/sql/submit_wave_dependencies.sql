-- The waves that a wave depends on; submit_wave has just made it.
-- $1 wave_id   $2 text[] wave_ids
INSERT INTO wave_dependencies (wave_no, on_wave_no)
SELECT DISTINCT w.wave_no, o.wave_no
  FROM waves w, unnest($2::text[]) d (id) JOIN waves o ON o.wave_id = d.id
 WHERE w.wave_id = $1::text
