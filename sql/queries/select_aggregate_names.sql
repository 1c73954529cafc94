SELECT aggregate FROM internal.aggregate_source ORDER BY aggregate
