DROP TABLE internal.excluded_addresses;
