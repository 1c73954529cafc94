COPY pg_temp.incoming (task, time, tag_id, name, schema, value) FROM STDIN
