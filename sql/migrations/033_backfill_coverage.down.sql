-- What 011_staging_functions made.
CREATE OR REPLACE FUNCTION internal.move_staged_tags(p_source text) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ids bigint[];
    bags jsonb[];
BEGIN
    EXECUTE format($move$
        WITH mine AS MATERIALIZED (
            SELECT ctid FROM %1$I.prometheus_remote_write_tag FOR UPDATE SKIP LOCKED
        ), taken AS (
            DELETE FROM %1$I.prometheus_remote_write_tag s USING mine
            WHERE s.ctid = mine.ctid
            RETURNING s.tag_id, s.tags
        )
        SELECT array_agg(tag_id), array_agg(tags) FROM taken
    $move$, 'staging_' || p_source)
    INTO ids, bags;

    IF ids IS NOT NULL THEN
        PERFORM internal.upsert_tags(ids, bags);
    END IF;
    RETURN coalesce(cardinality(ids), 0);
END
$$;

DROP FUNCTION internal.share_totals();
DROP VIEW internal.backfill_coverage;
DROP INDEX internal.backfill_ledger_name;
DROP TABLE internal.refused_row;
COMMENT ON TABLE internal.live_start IS
    'first live instant of each cumulative metric; increments are added up, so a backfill '
    'covers exactly up to it';
