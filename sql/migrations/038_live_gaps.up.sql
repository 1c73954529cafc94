-- What the comparison of live rows with the source has seen, and where they differ.

CREATE TABLE internal.live_checked (
    record        text PRIMARY KEY,
    owed_from     timestamptz NOT NULL,
    checked_until timestamptz NOT NULL
);

COMMENT ON TABLE internal.live_checked IS
    'up to where each live rule was compared with the source; what differed is in live_gap';

CREATE TABLE internal.live_gap (
    record     text NOT NULL,
    hour       timestamptz NOT NULL,
    missing    tstzmultirange NOT NULL,
    absent     tstzmultirange NOT NULL,
    attempts   integer NOT NULL,
    noted_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    checked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (record, hour)
);

COMMENT ON TABLE internal.live_gap IS 'minutes without live rows, by rule and hour';
COMMENT ON COLUMN internal.live_gap.missing IS
    'minutes for which the source has samples that are not stored: backfill_live is to bring them';
COMMENT ON COLUMN internal.live_gap.absent IS
    'minutes for which the source itself has nothing: asked for a day, and then not again';
COMMENT ON COLUMN internal.live_gap.attempts IS 'how many comparisons have found them missing';
