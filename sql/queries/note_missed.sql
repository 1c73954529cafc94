SELECT internal.note_missed()
