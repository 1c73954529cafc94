DELETE FROM {table} WHERE {column} < now() - %s::interval
