CREATE TEMPORARY TABLE incoming_tag (
    tag_id bigint NOT NULL,
    tags   jsonb NOT NULL
) ON COMMIT DROP
