COPY public.limit_of_copy (time, tag_id, name, schema, value) FROM STDIN (FORMAT binary)
