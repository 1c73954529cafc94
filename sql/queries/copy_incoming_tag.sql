COPY pg_temp.incoming_tag (tag_id, tags) FROM STDIN
