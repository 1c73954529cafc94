SELECT internal.note_change(%s, %s, %s, 'backfill')
