-- Tags that no row refers to. Whether one is unused takes a look at all rows, and rows come while
-- one looks; hence three steps: noticed, retired some days later, forgotten weeks after that.
CREATE TABLE internal.unused_tag (
    tag_id     bigint PRIMARY KEY,
    noticed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    retired_at timestamptz,
    labels     jsonb,
    CHECK ((retired_at IS NULL) = (labels IS NULL))
);

COMMENT ON TABLE internal.unused_tag IS
    'tags that no row refers to; a retired one has left the tag table, and comes back with the '
    'first row that refers to it';
COMMENT ON COLUMN internal.unused_tag.labels IS 'what a retired tag comes back with';

-- Takes tags that were noticed as unused out of the tag table; returns how many.
-- A writer reads the tag table before it stores rows, in the same transaction. So once this lock
-- is ours, whoever saw these tags has ended and its rows can be seen; whoever comes later does
-- not see them, and stores them anew or notes orphans. Callers limit how long to wait for it:
-- everybody who comes after us waits as well.
CREATE FUNCTION internal.retire_tags(p_tag_ids bigint[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    retired bigint;
BEGIN
    LOCK TABLE internal.prometheus_remote_write_tag IN ACCESS EXCLUSIVE MODE;
    WITH gone AS (
        DELETE FROM internal.prometheus_remote_write_tag t
        USING internal.unused_tag u
        WHERE t.tag_id = ANY (p_tag_ids)
          AND u.tag_id = t.tag_id
          AND NOT EXISTS (SELECT FROM internal.orphan_tag o WHERE o.tag_id = t.tag_id)
        RETURNING t.tag_id, t.labels
    )
    UPDATE internal.unused_tag u
    SET retired_at = clock_timestamp(), labels = g.labels
    FROM gone g
    WHERE u.tag_id = g.tag_id;
    GET DIAGNOSTICS retired = ROW_COUNT;
    RETURN retired;
END
$$;

-- Brings back the retired tags of all orphans, as if they had come late; returns how many.
CREATE FUNCTION internal.restore_tags() RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ids bigint[];
    bags jsonb[];
BEGIN
    WITH back AS (
        DELETE FROM internal.unused_tag u
        WHERE u.retired_at IS NOT NULL
          AND EXISTS (SELECT FROM internal.orphan_tag o WHERE o.tag_id = u.tag_id)
        RETURNING u.tag_id, u.labels
    )
    SELECT array_agg(tag_id), array_agg(labels) INTO ids, bags FROM back;
    IF ids IS NOT NULL THEN
        PERFORM internal.upsert_tags(ids, bags);
    END IF;
    RETURN coalesce(cardinality(ids), 0);
END
$$;

REVOKE EXECUTE ON FUNCTION internal.retire_tags(bigint[]) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION internal.restore_tags() FROM PUBLIC;
