DROP FUNCTION api.get_latest_geo_coordinates();
-- The index of a continuous aggregate lives beside the hypertable that stores it.
DROP INDEX IF EXISTS
    geo.idx_geo_latest_coords_instance_bucket,
    _timescaledb_internal.idx_geo_latest_coords_instance_bucket;

NOTIFY pgrst, 'reload schema';
