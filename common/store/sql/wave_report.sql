-- The report of a wave: what became of it, how long its migrations took, why some failed, what their attempts
-- cost, how many ended when. One statement, so that all of it is of one moment; it reads the wave's migrations
-- twice and their attempts once: by their range of ids where that is the wave's own, else by its number.
-- No memory grows with the wave: durations are counted by their first three digits, ends by spans of time of
-- which there are 7,200 at most, messages of at most $2 failures.
-- $1 wave_id   $2 how many failures are looked at for their messages   $3 how many of the slowest are shown
-- Answer: JSON (no row: no such wave).
WITH w AS MATERIALIZED (
    SELECT w.*, last_id - first_id < total AS own, coalesce(completed_at, now()) AS until
      FROM waves w WHERE wave_id = $1::text),
-- seconds that people count in
spans AS (SELECT unnest('{1,2,5,10,15,20,30,60,120,300,600,900,1200,1800,3600,7200,10800,21600,43200,86400,172800,604800,
                          2419200,31449600}'::bigint[]) AS s),
fine AS MATERIALIZED (
    SELECT coalesce(min(s) FILTER (WHERE s * 7200 > date_part('epoch', w.until - w.created_at)), 31449600) AS s
      FROM w CROSS JOIN spans WHERE s IN (1, 10, 60, 600, 3600, 86400, 604800)),
rows AS NOT MATERIALIZED (
    SELECT id, project, state, class, attempt, first_started_at, finished_at FROM migrations
     WHERE (SELECT own FROM w) AND id BETWEEN (SELECT first_id FROM w) AND (SELECT last_id FROM w)
    UNION ALL
    SELECT id, project, state, class, attempt, first_started_at, finished_at FROM migrations
     WHERE NOT (SELECT own FROM w) AND wave_no = (SELECT wave_no FROM w)),
tried AS NOT MATERIALIZED (
    SELECT attempt, outcome, class, started_at, finished_at FROM attempts
     WHERE (SELECT own FROM w) AND migration_id BETWEEN (SELECT first_id FROM w) AND (SELECT last_id FROM w)
    UNION ALL
    SELECT a.attempt, a.outcome, a.class, a.started_at, a.finished_at
      FROM migrations m
     CROSS JOIN LATERAL (SELECT * FROM attempts WHERE migration_id = m.id OFFSET 0) a
     WHERE NOT (SELECT own FROM w) AND m.wave_no = (SELECT wave_no FROM w)),
-- ---- one reading of the rows, counted in three ways ----
counted AS MATERIALIZED (
    SELECT state, class, tries, took, span, GROUPING(tries, took, span) AS missing,
           count(*) AS n, sum(ms) AS ms, min(first_started_at) AS first_started_at
      FROM (SELECT state, class, least(attempt, 20) AS tries, ms, first_started_at,
                   CASE WHEN state = 'completed'
                        THEN ms - ms % CASE WHEN ms < 1000 THEN 1 WHEN ms < 10000 THEN 10 WHEN ms < 100000 THEN 100
                                            WHEN ms < 1000000 THEN 1000 WHEN ms < 10000000 THEN 10000
                                            WHEN ms < 100000000 THEN 100000 ELSE 1000000 END END AS took,
                   floor(ended / (SELECT s FROM fine))::bigint AS span
              FROM (SELECT state, class, attempt, first_started_at, date_part('epoch', finished_at) AS ended,
                           ((date_part('epoch', finished_at) - date_part('epoch', first_started_at)) * 1000)::bigint AS ms
                      FROM rows OFFSET 0) t) r
     GROUP BY GROUPING SETS ((state, class, tries), (state, took), (state, span))),
by_tries AS (SELECT * FROM counted WHERE missing = 3),
by_took AS (SELECT * FROM counted WHERE missing = 5 AND took IS NOT NULL),
by_span AS (SELECT * FROM counted WHERE missing = 6 AND span IS NOT NULL),
totals AS (
    SELECT coalesce(sum(n), 0) AS total,
           coalesce(sum(n) FILTER (WHERE state = 'completed'), 0) AS completed,
           coalesce(sum(n) FILTER (WHERE state = 'failed'), 0) AS failed,
           coalesce(sum(n) FILTER (WHERE state = 'cancelled'), 0) AS cancelled,
           coalesce(sum(n) FILTER (WHERE state IN ('blocked', 'pending')), 0) AS pending,
           coalesce(sum(n) FILTER (WHERE state IN ('running', 'parked', 'retrying')), 0) AS in_progress,
           min(first_started_at) AS started_at
      FROM by_tries),
-- ---- how long it took ----
ranked AS (SELECT took, n, ms, sum(n) OVER (ORDER BY took) AS up_to, sum(n) OVER () AS all_of_them FROM by_took),
durations AS (
    SELECT coalesce(sum(n), 0) AS n, sum(ms) / nullif(sum(n), 0) AS mean,
           min(took) FILTER (WHERE up_to >= all_of_them * 0.5) AS p50,
           min(took) FILTER (WHERE up_to >= all_of_them * 0.9) AS p90,
           min(took) FILTER (WHERE up_to >= all_of_them * 0.95) AS p95,
           min(took) FILTER (WHERE up_to >= all_of_them * 0.99) AS p99
      FROM ranked),
slowest AS MATERIALIZED (
    SELECT id, project, attempt, finished_at,
           (date_part('epoch', finished_at - first_started_at) * 1000)::bigint AS ms
      FROM rows
     WHERE state = 'completed'
       AND finished_at - first_started_at
           >= (SELECT min(took) FROM ranked WHERE up_to > all_of_them - $3::int) * interval '1 ms'
     ORDER BY finished_at - first_started_at DESC, id LIMIT $3::int),
-- ---- why it failed: a project's own name, numbers and long hexadecimal ones stand for any ----
looked AS (
    SELECT d.class, m.id, m.project, m.error,
           regexp_replace(left(replace(coalesce(m.error, ''), m.project, '{project}'), 300),
                          '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\m(0x[0-9a-fA-F]+|[0-9a-fA-F]{12,})\M|[0-9]+',
                          '#', 'g') AS message
      FROM dead d
     CROSS JOIN LATERAL (SELECT id, project, error FROM migrations
                          WHERE id = d.migration_id AND state = 'failed' OFFSET 0) m
     WHERE d.wave_no = (SELECT wave_no FROM w) LIMIT $2::int),
alike AS MATERIALIZED (
    SELECT class, message, count(*) AS n, min(id) AS first, max(id) AS last FROM looked GROUP BY class, message),
shown AS (SELECT * FROM alike ORDER BY n DESC, class, message LIMIT 50),
-- ---- what was tried ----
outcomes AS MATERIALIZED (
    SELECT outcome, class, attempt > 1 AS again, count(*) AS n,
           sum(date_part('epoch', finished_at) - date_part('epoch', started_at)) AS seconds
      FROM tried GROUP BY 1, 2, 3),
tries AS (
    SELECT coalesce(sum(n), 0) AS n, coalesce(sum(n) FILTER (WHERE again), 0) AS again,
           coalesce(sum(seconds), 0) AS seconds,
           coalesce(sum(seconds) FILTER (WHERE outcome <> 'completed'), 0) AS in_vain,
           coalesce(sum(n) FILTER (WHERE outcome = 'lost'), 0) AS lost,
           coalesce(sum(n) FILTER (WHERE class = 'crashed'), 0) AS crashed,
           coalesce(sum(n) FILTER (WHERE class = 'timed_out'), 0) AS timed_out,
           coalesce(sum(n) FILTER (WHERE outcome = 'handed_back'), 0) AS handed_back
      FROM outcomes),
-- ---- how many ended when: 120 spans at most ----
coarse AS MATERIALIZED (
    SELECT min(s) AS s, min(first) AS first, min(last) AS last
      FROM (SELECT s.s, floor(b.first / s.s)::bigint AS first, floor(b.last / s.s)::bigint AS last
              FROM (SELECT min(span) * min(f.s)::float8 AS first, max(span) * min(f.s)::float8 AS last
                      FROM by_span CROSS JOIN fine f) b
             CROSS JOIN spans s JOIN fine f ON s.s % f.s = 0
             WHERE floor(b.last / s.s) - floor(b.first / s.s) < 120
             ORDER BY s.s LIMIT 1) fits),
series AS (
    SELECT json_agg(coalesce(e.completed, 0) ORDER BY b.at) AS completed,
           json_agg(coalesce(e.failed, 0) ORDER BY b.at) AS failed,
           json_agg(coalesce(e.cancelled, 0) ORDER BY b.at) AS cancelled,
           max(e.completed + e.failed) AS most
      FROM generate_series((SELECT first FROM coarse), (SELECT last FROM coarse)) b (at)
      LEFT JOIN (SELECT span * (SELECT s FROM fine) / (SELECT s FROM coarse) AS at,
                        coalesce(sum(n) FILTER (WHERE state = 'completed'), 0) AS completed,
                        coalesce(sum(n) FILTER (WHERE state = 'failed'), 0) AS failed,
                        coalesce(sum(n) FILTER (WHERE state = 'cancelled'), 0) AS cancelled
                   FROM by_span GROUP BY 1) e USING (at))
SELECT json_build_object(
    'as_of', now(), 'partial', w.completed_at IS NULL,
    'wave', json_build_object(
        'id', w.wave_id, 'name', w.name, 'kind', w.kind, 'queue', w.queue,
        'status', CASE w.state WHEN 'planning' THEN 'pending' WHEN 'ready' THEN 'pending'
                               WHEN 'running' THEN 'in_progress' ELSE w.state::text END,
        'state', w.state, 'note', w.note, 'run_no', w.run_no,
        'workspace_id', w.workspace_id, 'workspace_name', w.workspace_name,
        'batch_size', w.batch_size, 'max_attempts', w.max_attempts, 'created_by', w.created_by,
        'created_at', w.created_at, 'start_at', w.start_at, 'started_at', t.started_at,
        'completed_at', w.completed_at),
    'summary', json_build_object(
        'total', t.total, 'completed', t.completed, 'failed', t.failed, 'cancelled', t.cancelled,
        'pending', t.pending, 'in_progress', t.in_progress,
        'duration_seconds', round(extract(epoch FROM w.until - t.started_at), 3),
        'completed_percent', round(100.0 * t.completed / nullif(t.total, 0), 2),
        'lost', a.lost, 'crashed', a.crashed, 'timed_out', a.timed_out, 'handed_back', a.handed_back),
    'durations', json_build_object(
        'count', d.n, 'mean_seconds', round(d.mean / 1000, 3), 'p50_seconds', d.p50 / 1000.0,
        'p90_seconds', d.p90 / 1000.0, 'p95_seconds', d.p95 / 1000.0, 'p99_seconds', d.p99 / 1000.0,
        'max_seconds', (SELECT max(ms) FROM slowest) / 1000.0,
        'slowest', (SELECT coalesce(json_agg(json_build_object(
                               'ref', 'm' || id, 'mb_project_uuid', project, 'seconds', ms / 1000.0,
                               'attempts', attempt, 'completed_at', finished_at) ORDER BY ms DESC, id), '[]')
                      FROM slowest)),
    'failures', json_build_object(
        'total', t.failed, 'looked_at', (SELECT coalesce(sum(n), 0) FROM alike),
        'classes', (SELECT coalesce(json_agg(json_build_object('class', class, 'count', n) ORDER BY n DESC, class), '[]')
                      FROM (SELECT class, sum(n) AS n FROM by_tries WHERE state = 'failed' GROUP BY class) c),
        'groups', (SELECT coalesce(json_agg(json_build_object(
                              'class', s.class, 'message', s.message, 'count', s.n,
                              'examples', (SELECT json_agg(json_build_object(
                                                      'ref', 'm' || m.id, 'mb_project_uuid', m.project, 'error', left(m.error, 1000))
                                                      ORDER BY m.id)
                                             FROM migrations m WHERE m.id IN (s.first, s.last)))
                              ORDER BY s.n DESC, s.class, s.message), '[]') FROM shown s),
        'other_groups', (SELECT greatest(count(*) - 50, 0) FROM alike)),
    'attempts', json_build_object(
        'count', a.n, 'seconds', round(a.seconds::numeric, 3),
        'not_completed_seconds', round(a.in_vain::numeric, 3),
        'beyond_the_first', a.again,
        'migrations_tried_again', (SELECT coalesce(sum(n), 0) FROM by_tries WHERE tries > 1),
        'completed_after_more_than_one', (SELECT coalesce(sum(n), 0) FROM by_tries WHERE tries > 1 AND state = 'completed'),
        'distribution', (SELECT coalesce(json_agg(json_build_object('attempts', tries, 'migrations', n) ORDER BY tries), '[]')
                           FROM (SELECT tries, sum(n) AS n FROM by_tries WHERE tries > 0 GROUP BY tries) b),
        'outcomes', (SELECT coalesce(json_agg(json_build_object(
                                'outcome', outcome, 'class', class, 'count', n, 'seconds', round(seconds::numeric, 3))
                                ORDER BY n DESC, outcome, class), '[]')
                       FROM (SELECT outcome, class, sum(n) AS n, sum(seconds) AS seconds
                               FROM outcomes GROUP BY 1, 2) o)),
    'throughput', json_build_object(
        'step_seconds', c.s, 'from', to_timestamp(c.first * c.s),
        'completed', coalesce(s.completed, '[]'), 'failed', coalesce(s.failed, '[]'),
        'cancelled', coalesce(s.cancelled, '[]'), 'most_a_minute', round(s.most * 60.0 / c.s, 1),
        'mean_a_minute', round((60 * (t.completed + t.failed)
                                / nullif(extract(epoch FROM w.until - t.started_at), 0))::numeric, 1)),
    'log', (SELECT coalesce(json_agg(json_build_object('at', l.at, 'line', l.line) ORDER BY l.id), '[]')
              FROM (SELECT id, at, line FROM wave_logs WHERE wave_no = w.wave_no ORDER BY id DESC LIMIT 50) l))::text
  FROM w CROSS JOIN totals t CROSS JOIN durations d CROSS JOIN tries a CROSS JOIN coarse c CROSS JOIN series s
