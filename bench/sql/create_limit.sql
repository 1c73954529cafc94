-- What a row costs at least: no log, no index, and the value as the eight bytes that it is.
DROP TABLE IF EXISTS public.limit_of_copy;
CREATE UNLOGGED TABLE public.limit_of_copy (
    time   timestamptz NOT NULL,
    tag_id bigint NOT NULL,
    name   text NOT NULL,
    schema text NOT NULL,
    value  double precision NOT NULL
);
