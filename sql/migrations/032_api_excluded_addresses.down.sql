DROP FUNCTION api.rm_excluded_address(text);
DROP FUNCTION api.add_excluded_address(text);
DROP FUNCTION api.get_excluded_addresses();
DROP FUNCTION internal.check_address(text);

NOTIFY pgrst, 'reload schema';
