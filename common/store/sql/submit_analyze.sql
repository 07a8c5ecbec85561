-- After a large wave: plans that were made for fewer rows are made anew, everywhere.
ANALYZE migrations
