-- The name by which workers of protocol 4, and API processes beside them, write attempts. The next version of the schema
-- keeps there only those of which a migration's own row does not tell; `attempts`, by which they are read, becomes a view of
-- both then.
CREATE VIEW attempts_kept AS
SELECT migration_id, attempt, worker_id, started_at, finished_at, outcome, class, error FROM attempts;
