-- $1 name   $2 migration id   $3 attempt
DELETE FROM locks WHERE name = $1::text AND migration_id = $2::bigint AND attempt = $3::int
