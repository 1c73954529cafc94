DROP FUNCTION geo.latest_coords_rows(timestamptz, timestamptz);
DROP TABLE geo.latest_coords;
