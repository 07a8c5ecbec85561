-- Which installation this is, told from others by the cluster of PostgreSQL and the database in it. A name of people's
-- for it stands first. Copies of the files of a whole cluster count as the same.
SELECT current_database() || ' ' || (SELECT system_identifier FROM pg_control_system()) || '/'
       || (SELECT oid FROM pg_database WHERE datname = current_database())
