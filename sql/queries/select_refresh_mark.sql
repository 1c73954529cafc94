SELECT min(refreshed_to) FROM internal.refresh_mark
