DROP TABLE internal.live_gap;
DROP TABLE internal.live_checked;
