TRUNCATE {aggregate};
