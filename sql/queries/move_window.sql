WHERE {time} >= {start} AND {time} < {end}
