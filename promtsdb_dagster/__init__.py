"""Move Prometheus metrics into TimescaleDB, keep them right, and serve them over REST."""
