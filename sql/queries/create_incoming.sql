-- The rows of one unit of work, beside the task that they came from.
-- One transaction may write both metric tables, one after the other.
DROP TABLE IF EXISTS pg_temp.incoming;
CREATE TEMPORARY TABLE incoming (
    task   integer NOT NULL,
    time   timestamptz NOT NULL,
    tag_id bigint NOT NULL,
    name   text NOT NULL,
    schema text NOT NULL,
    value  numeric NOT NULL
) ON COMMIT DROP;
