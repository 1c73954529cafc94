CREATE TABLE internal.backfill_ledger (
    rule_group      text NOT NULL,
    rule            text NOT NULL,
    record          text NOT NULL,
    step            interval NOT NULL,
    window_start    timestamptz NOT NULL,
    window_end      timestamptz NOT NULL,
    series          integer NOT NULL,
    rows_source     bigint NOT NULL,
    rows_written    bigint NOT NULL,
    rows_present    bigint NOT NULL,
    samples_dropped bigint NOT NULL,
    run_id          text,
    written_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    verified_at     timestamptz,
    PRIMARY KEY (rule_group, rule, window_start, window_end),
    CHECK (window_start < window_end)
);

COMMENT ON TABLE internal.backfill_ledger IS
    'one row a rule and window that was written, in the transaction that wrote it';
COMMENT ON COLUMN internal.backfill_ledger.rows_written IS 'new rows';
COMMENT ON COLUMN internal.backfill_ledger.rows_present IS 'rows that were there before';

CREATE TABLE internal.live_start (
    name      text NOT NULL,
    schema    text NOT NULL,
    starts_at timestamptz NOT NULL,
    PRIMARY KEY (name, schema)
);

COMMENT ON TABLE internal.live_start IS
    'first live instant of each cumulative metric; increments are added up, so a backfill '
    'covers exactly up to it';

CREATE TABLE internal.aggregate_change (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    aggregate    text NOT NULL,
    window_start timestamptz NOT NULL,
    window_end   timestamptz NOT NULL,
    reason       text NOT NULL CHECK (reason IN ('backfill', 'late row', 'late tag')),
    noted_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (window_start < window_end)
);

COMMENT ON TABLE internal.aggregate_change IS
    'what changed below an aggregate and is not refreshed yet';

CREATE TABLE internal.orphan_tag (
    tag_id    bigint NOT NULL,
    source    text NOT NULL CHECK (source IN ('internal', 'cumsum')),
    time_from timestamptz NOT NULL,
    time_to   timestamptz NOT NULL,
    PRIMARY KEY (tag_id, source),
    CHECK (time_from <= time_to)
);

COMMENT ON TABLE internal.orphan_tag IS
    'rows that were stored before the tags of their series came; both times are inclusive';
