-- Which hours of an aggregate changed and are not rolled up: written by triggers in the statement
-- that changes minutes, whoever sends it, and taken back by the refresh that rolls them up.
CREATE TABLE internal.rollup_change (
    aggregate text NOT NULL,
    hours     tstzmultirange NOT NULL
);

COMMENT ON TABLE internal.rollup_change IS
    'hours whose minutes changed after they were rolled up; a refresh leaves nothing here';

CREATE FUNCTION internal.note_rollup_change() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO internal.rollup_change (aggregate, hours)
    SELECT tg_argv[0], range_agg(tstzrange(c.hour, c.hour + INTERVAL '1 hour'))
    FROM (
        SELECT DISTINCT
            date_bin(INTERVAL '1 hour', bucket, TIMESTAMPTZ '2000-01-01 00:00:00+00') AS hour
        FROM changed
    ) c
    HAVING count(*) > 0;
    RETURN NULL;
END
$$;

CREATE FUNCTION internal.empty_rollups() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE (
        SELECT 'TRUNCATE ' || string_agg(r.rollup, ', ')
        FROM internal.rollup r WHERE r.aggregate = tg_argv[0]
    );
    RETURN NULL;
END
$$;

DO $create$
DECLARE
    made record;
BEGIN
    FOR made IN
        SELECT
            w.aggregate,
            coalesce(to_regclass(w.aggregate || '_stored'), to_regclass(w.aggregate)) AS stored,
            e.*
        FROM (SELECT DISTINCT r.aggregate FROM internal.rollup r) AS w
        -- An update may move a bucket, so the hour that it leaves counts too.
        CROSS JOIN (VALUES
            ('inserted', 'INSERT', 'NEW'), ('deleted', 'DELETE', 'OLD'),
            ('updated', 'UPDATE', 'NEW'), ('left', 'UPDATE', 'OLD')
        ) AS e (name, event, rows)
    LOOP
        EXECUTE format(
            'CREATE TRIGGER trg_rollup_%s AFTER %s ON %s REFERENCING %s TABLE AS changed'
            ' FOR EACH STATEMENT EXECUTE FUNCTION internal.note_rollup_change(%L)',
            made.name, made.event, made.stored, made.rows, made.aggregate);
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER trg_rollup_emptied AFTER TRUNCATE ON %s'
            ' FOR EACH STATEMENT EXECUTE FUNCTION internal.empty_rollups(%L)',
            made.stored, made.aggregate);
    END LOOP;
END
$create$;

-- Only now, as the triggers keep everybody from changing minutes until all this is committed: what
-- changed before them was noted nowhere. These may be full since triggers of before were dropped.
DO $fill$
DECLARE
    found record;
BEGIN
    FOR found IN SELECT r.rollup FROM internal.rollup r ORDER BY r.width LOOP
        EXECUTE format('TRUNCATE %s', found.rollup);
        EXECUTE format('INSERT INTO %1$s SELECT * FROM %1$s_rows(''-infinity'', ''infinity'')',
            found.rollup);
    END LOOP;
END
$fill$;

-- The whole buckets of a roll-up that are what the minutes say.
CREATE FUNCTION internal.rolled_up(p_rollup text) RETURNS tstzmultirange
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    of_minutes text;
    wide interval;
    unsure tstzmultirange;
BEGIN
    SELECT r.aggregate, r.width INTO of_minutes, wide
    FROM internal.rollup r WHERE r.rollup = p_rollup;
    IF of_minutes IS NULL THEN
        RAISE EXCEPTION 'no roll-up is named %', p_rollup
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'the view internal.rollup lists them';
    END IF;

    SELECT internal.whole_buckets(coalesce(range_agg(span), '{}'), wide) INTO unsure
    FROM internal.rollup_change c CROSS JOIN unnest(c.hours) AS span
    WHERE c.aggregate = of_minutes;

    -- A real-time aggregate shows raw rows behind its newest bucket.
    IF of_minutes = 'internal.cagg_calculated_metric' THEN
        SELECT unsure + tstzmultirange(tstzrange(
            date_bin(wide, max(s.bucket) + INTERVAL '1 minute',
                TIMESTAMPTZ '2000-01-01 00:00:00+00'), NULL))
        INTO unsure
        FROM internal.cagg_calculated_metric_stored s;
    END IF;
    RETURN tstzmultirange(tstzrange(NULL, NULL)) - unsure;
END
$$;

REVOKE EXECUTE ON FUNCTION internal.note_rollup_change() FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION internal.empty_rollups() FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION internal.rolled_up(text) FROM PUBLIC;
