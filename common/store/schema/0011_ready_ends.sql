-- A wave that was reset while its last migrations ran ends with them: there is nothing left that a person could start.
-- Programs of 0.19.0, which leave it as it is, run on this schema unchanged.
INSERT INTO wave_transitions (act, was, becomes) VALUES ('end', 'ready', 'completed');
