SELECT internal.restore_tags()
