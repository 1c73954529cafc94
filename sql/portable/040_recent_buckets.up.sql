-- Filled by its topic in this release.
SELECT 1;
