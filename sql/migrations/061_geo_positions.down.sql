-- geo positions
SELECT;
