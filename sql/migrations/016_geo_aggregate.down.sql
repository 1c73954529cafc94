DROP MATERIALIZED VIEW geo.latest_coords;
