-- From the index: the oldest and the newest bucket.
SELECT min(bucket), max(bucket) FROM {store}
