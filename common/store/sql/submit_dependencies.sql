-- Which migrations of a wave depend on which, by their places in it; they are blocked. The statements before
-- in the same transaction have made them.
-- $1 wave_id   $2 int[] places from 0   $3 int[] the places that they depend on, one for each
WITH w AS (
    UPDATE waves SET has_dependencies = true WHERE wave_id = $1::text RETURNING wave_no, first_id),
d AS (
    INSERT INTO dependencies (migration_id, on_id, wave_no)
    SELECT w.first_id + e.place, w.first_id + e.on_place, w.wave_no
      FROM w, unnest($2::int[], $3::int[]) e (place, on_place)
        ON CONFLICT DO NOTHING
    RETURNING migration_id),
b AS (
    UPDATE migrations m SET state = 'blocked' WHERE m.id IN (SELECT migration_id FROM d) RETURNING m.id)
INSERT INTO wave_progress (wave_no, shard, blocked)
SELECT w.wave_no, -1, (SELECT count(*) FROM b) FROM w
