SELECT changed, refreshed_to FROM internal.refresh_recent(%s)
