DROP MATERIALIZED VIEW cumsum.all_metrics_minute;
