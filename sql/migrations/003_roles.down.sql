-- The roles stay: they belong to the cluster, other databases and deployed logins may use them.
REVOKE USAGE ON SCHEMA internal FROM writer;
REVOKE USAGE ON SCHEMA api FROM web_anon, writer;
