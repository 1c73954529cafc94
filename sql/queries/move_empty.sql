DELETE FROM {table} {where}
