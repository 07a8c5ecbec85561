-- The migrations of a large wave.
COPY migrations (id, wave_no, project, brz_project_id, params) FROM STDIN
