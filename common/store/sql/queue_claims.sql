-- Behind the commit of a pause: waits for the claims that began before it. A claim holds its waves locked
-- before it looks whether their queue is paused, so those of later ones have been refused. Settlements pass.
-- $1 queue
SELECT count(*)
  FROM (SELECT wave_no FROM waves WHERE queue = $1::text AND completed_at IS NULL
         ORDER BY wave_no FOR NO KEY UPDATE) w
