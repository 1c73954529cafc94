COPY (
    SELECT time, tag_id, name, schema, value FROM staged WHERE batch = %s ORDER BY time, name, tag_id
) TO STDOUT (FORMAT binary)
