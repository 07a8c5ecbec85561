-- How many migrations of a wave ended in each of the minutes before now, or before its end. They are counted
-- where they stand: in the wave's range of ids, or where more rows of others lie in it than its own, by its
-- number.
-- $1 wave_id   $2 how many minutes, the last one not over yet
-- Answer: JSON (no row: no such wave).
WITH w AS MATERIALIZED (
    SELECT wave_no, first_id, last_id, last_id - first_id >= 2::bigint * total AS sparse,
           floor(date_part('epoch', coalesce(completed_at, now())) / 60)::bigint - $2::bigint + 1 AS first,
           coalesce(completed_at, now()) AS until
      FROM waves WHERE wave_id = $1::text),
ended AS (
    SELECT m.finished_at, m.state FROM migrations m
     WHERE NOT (SELECT sparse FROM w)
       AND m.id BETWEEN (SELECT first_id FROM w) AND (SELECT last_id FROM w)
       AND m.wave_no + 0 = (SELECT wave_no FROM w)
       AND m.finished_at >= to_timestamp((SELECT first FROM w) * 60)
    UNION ALL
    SELECT m.finished_at, m.state FROM migrations m
     WHERE (SELECT sparse FROM w) AND m.wave_no = (SELECT wave_no FROM w)
       AND m.finished_at >= to_timestamp((SELECT first FROM w) * 60)),
counted AS (
    SELECT floor(date_part('epoch', finished_at) / 60)::bigint AS minute,
           count(*) FILTER (WHERE state = 'completed') AS completed,
           count(*) FILTER (WHERE state = 'failed') AS failed,
           count(*) FILTER (WHERE state = 'cancelled') AS cancelled
      FROM ended GROUP BY 1),
series AS (
    SELECT json_agg(coalesce(c.completed, 0) ORDER BY s.minute) AS completed,
           json_agg(coalesce(c.failed, 0) ORDER BY s.minute) AS failed,
           json_agg(coalesce(c.cancelled, 0) ORDER BY s.minute) AS cancelled
      FROM generate_series((SELECT first FROM w), (SELECT first FROM w) + $2::bigint - 1) s (minute)
      LEFT JOIN counted c USING (minute))
SELECT json_build_object(
           'as_of', now(), 'step_seconds', 60, 'from', to_timestamp(w.first * 60), 'until', w.until,
           'completed', s.completed, 'failed', s.failed, 'cancelled', s.cancelled)::text
  FROM w CROSS JOIN series s
