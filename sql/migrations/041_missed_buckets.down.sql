DROP FUNCTION internal.note_missed();
