-- A claim and a settlement of neighbours each write nearly every row of a page anew. Where half of the page is free,
-- a quarter of the updates found no room in it, went to another, and so into two indexes; where 70 % are, one in a
-- hundred does, and the table ends no larger. It holds for pages written from now on; programs of the release before
-- run on it unchanged.
ALTER TABLE migrations SET (fillfactor = 30);
