-- From here on no worker of a release before 0.16.0 (protocol 4): the next version of the schema has nothing that such a one
-- could write its attempts into, so it would run bodies and settle none. None may be connected, and none can register.
SELECT refuse('WF503', format('worker %s on %s is of release %s, which cannot run on the schema of this release: replace programs of '
                              'releases before 0.16.0 by those of 0.16.0 first, or stop them', k.worker_id, k.host, k.version))
  FROM workers k
 WHERE k.alive AND k.protocol < 4
   AND EXISTS (SELECT FROM pg_locks l -- what its sessions hold while they live (worker_session.sql)
                WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.classid = 1702
                  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                  AND l.objid = (k.worker_id % 2147483647)::oid)
 ORDER BY k.worker_id LIMIT 1;
ALTER TABLE workers ADD CONSTRAINT release_0_16_0_or_later CHECK (protocol >= 4 OR NOT alive) NOT VALID;
