-- Up to where all is done.
SELECT min(coalesce(lower(missed), refreshed_to)) FROM internal.refresh_mark
