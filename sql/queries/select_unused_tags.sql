SELECT tag_id, noticed_at, retired_at FROM internal.unused_tag
