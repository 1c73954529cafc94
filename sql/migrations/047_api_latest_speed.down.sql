DROP FUNCTION
    internal.newest_minutes(text, internal.range_part[], text, text),
    internal.known_names(internal.range_part[], text),
    internal.newest_text(internal.range_part[], text, text);
