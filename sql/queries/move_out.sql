COPY (SELECT {columns} FROM {table} {where}) TO STDOUT (FORMAT BINARY)
