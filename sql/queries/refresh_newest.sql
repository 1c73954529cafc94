SELECT changed, refreshed_to, is_complete FROM internal.refresh_newest(%s)
