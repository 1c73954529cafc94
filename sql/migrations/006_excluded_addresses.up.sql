CREATE TABLE internal.excluded_addresses (
    id    serial PRIMARY KEY,
    value text NOT NULL UNIQUE
);

COMMENT ON TABLE internal.excluded_addresses IS
    'addresses whose tokens do not circulate';

GRANT SELECT ON internal.excluded_addresses TO web_anon;
GRANT SELECT, INSERT, DELETE ON internal.excluded_addresses TO writer;
GRANT USAGE ON SEQUENCE internal.excluded_addresses_id_seq TO writer;
