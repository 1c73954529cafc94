SELECT internal.note_change(%(source)s, %(start)s, %(end)s, 'backfill')
