INSERT INTO internal.prometheus_remote_write_tag (tag_id, instance, country_name)
VALUES (%(tag_id)s, 'instance ' || %(tag_id)s, 'CH')
