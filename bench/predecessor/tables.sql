-- A stand-in for the Compose-only pipeline that this project replaces, written anew from a
-- description of how it works: what the benchmarks compare with. Nothing here is good practice.

CREATE SCHEMA api;
CREATE SCHEMA internal;
CREATE SCHEMA cumsum;
CREATE SCHEMA geo;
CREATE SCHEMA staging_internal;
CREATE SCHEMA staging_cumsum;

CREATE TABLE internal.prometheus_remote_write (
    time   timestamptz NOT NULL,
    tag_id bigint NOT NULL,
    name   text NOT NULL,
    schema text NOT NULL,
    value  numeric
);

CREATE TABLE cumsum.prometheus_remote_write (LIKE internal.prometheus_remote_write);

CREATE TABLE internal.prometheus_remote_write_tag (
    tag_id          bigint PRIMARY KEY,
    host            text,
    instance        text,
    country_name    text,
    city            text,
    supply          text,
    excluded_supply text,
    amount          text
);

CREATE TABLE internal.excluded_addresses (
    id    serial PRIMARY KEY,
    value text NOT NULL UNIQUE
);
