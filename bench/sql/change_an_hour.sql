UPDATE {table} SET value = value + 1 WHERE time >= %s AND time < %s
