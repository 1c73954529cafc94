-- What staging takes. Whoever may write to it can be wrong, and what is stored once is shown, added
-- up and kept: so what could grow without end has an end, and what is beyond it is counted.
CREATE TABLE internal.staging_limit (
    one              boolean PRIMARY KEY DEFAULT true CHECK (one),
    -- Younger than what is compressed; what came later than that is brought by backfill_live.
    late             interval NOT NULL DEFAULT '7 days' CHECK (late > '0'),
    -- Clocks differ. Less than what counts as young, so that no row is live long before it is due.
    early            interval NOT NULL DEFAULT '10 minutes' CHECK (early >= '0'),
    most_names       integer NOT NULL DEFAULT 2000 CHECK (most_names >= 0),
    most_series      integer NOT NULL DEFAULT 1000000 CHECK (most_series >= 0),
    most_label_bytes integer NOT NULL DEFAULT 65536 CHECK (most_label_bytes > 0)
);

COMMENT ON TABLE internal.staging_limit IS
    'what staging takes, one row; UPDATE it to change a limit, from the next batch on';
COMMENT ON COLUMN internal.staging_limit.late IS
    'how old a row may be that no reserved entry of the ledger waits for';
COMMENT ON COLUMN internal.staging_limit.early IS
    'how far ahead of the database''s clock a row may be';
COMMENT ON COLUMN internal.staging_limit.most_names IS
    'how many names, each with its schema, may come by staging; those of the ledger are free';
COMMENT ON COLUMN internal.staging_limit.most_series IS
    'how many series may be known before rows of new ones are refused';
COMMENT ON COLUMN internal.staging_limit.most_label_bytes IS
    'how large the labels of a series may be as JSON; Telegraf has a limit of its own before';

INSERT INTO internal.staging_limit DEFAULT VALUES;

CREATE TABLE internal.staged_name (
    name   text NOT NULL,
    schema text NOT NULL,
    PRIMARY KEY (name, schema)
);

COMMENT ON TABLE internal.staged_name IS
    'names that came by staging; aggregates keep each for ever, so they are counted';

INSERT INTO internal.staged_name (name, schema) SELECT name, schema FROM internal.live_start;

-- An estimate, as counting a million takes too long for each batch that brings something new.
CREATE FUNCTION internal.is_series_limit_reached() RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
RETURN (
    SELECT sum(greatest(c.reltuples, 0)) FROM pg_catalog.pg_class c
    WHERE c.oid IN (
        'internal.prometheus_remote_write_tag'::regclass, 'internal.orphan_tag'::regclass)
) >= (SELECT l.most_series FROM internal.staging_limit l);

REVOKE EXECUTE ON FUNCTION internal.is_series_limit_reached() FROM PUBLIC;
