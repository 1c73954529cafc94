"""What tests/privileges.py asks the catalog.

Rights are effective ones (has_..._privilege), for PUBLIC and every role that is no superuser, but
for the owner, who may do everything.
"""

from __future__ import annotations

# `who` without the owner of the object; a role that has only what PUBLIC has is not named again.
OBJECTS = """
WITH who AS (
    SELECT 'public' AS name
    UNION ALL
    SELECT rolname FROM pg_roles WHERE NOT rolsuper AND rolname !~ '^pg_'
), extension AS (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), mine AS (
    SELECT 'schema' AS kind, oid, nspname::text AS name, nspowner AS owner,
        ARRAY['USAGE', 'CREATE'] AS rights
    FROM pg_namespace n
    WHERE (oid >= 16384 OR nspname = 'public') AND nspname !~ '^pg_(toast_)?temp_'
        AND NOT EXISTS (
            SELECT FROM extension e WHERE e.classid = 'pg_namespace'::regclass AND e.objid = n.oid)
    UNION ALL
    SELECT CASE relkind WHEN 'S' THEN 'sequence' ELSE 'relation' END, oid,
        relnamespace::regnamespace || '.' || regexp_replace(relname, '_[0-9]+(_chunk)?$', '_N'),
        relowner,
        CASE relkind WHEN 'S' THEN ARRAY['USAGE', 'SELECT', 'UPDATE']
            ELSE ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']
        END
    FROM pg_class c
    WHERE oid >= 16384 AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        AND relnamespace::regnamespace::text !~ '^pg_(toast|temp)'
        AND NOT EXISTS (
            SELECT FROM extension e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid)
    UNION ALL
    SELECT 'function', oid,
        replace(oid::regprocedure::text, 'timestamp with time zone', 'timestamptz'), proowner,
        ARRAY['EXECUTE']
    FROM pg_proc p
    WHERE oid >= 16384
        AND NOT EXISTS (
            SELECT FROM extension e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid)
    UNION ALL
    -- Types of rows and of arrays come and go with what they are of.
    SELECT 'type', oid, typnamespace::regnamespace || '.' || typname, typowner, ARRAY['USAGE']
    FROM pg_type t
    WHERE oid >= 16384 AND typelem = 0
        AND (typrelid = 0 OR EXISTS (
            SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
        AND NOT EXISTS (
            SELECT FROM extension e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid)
    UNION ALL
    SELECT 'database', oid, 'the database', datdba, ARRAY['CONNECT', 'TEMPORARY', 'CREATE']
    FROM pg_database WHERE datname = current_database()
), has AS (
    SELECT m.*, w.name AS role, r.number, r.right_name,
        CASE m.kind
            WHEN 'schema' THEN has_schema_privilege(w.name, m.oid, r.right_name)
            WHEN 'relation' THEN has_table_privilege(w.name, m.oid, r.right_name)
            WHEN 'sequence' THEN has_sequence_privilege(w.name, m.oid, r.right_name)
            WHEN 'function' THEN has_function_privilege(w.name, m.oid, r.right_name)
            WHEN 'type' THEN has_type_privilege(w.name, m.oid, r.right_name)
            WHEN 'database' THEN has_database_privilege(w.name, m.oid, r.right_name)
        END AS may
    FROM mine m
    CROSS JOIN who w
    CROSS JOIN LATERAL unnest(m.rights) WITH ORDINALITY AS r (right_name, number)
    WHERE w.name <> pg_get_userbyid(m.owner)
        -- Who owns the database is the owner of `public`.
        AND NOT (pg_get_userbyid(m.owner) = 'pg_database_owner' AND w.name = (
            SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()))
), told AS (
    SELECT kind, name, owner, oid, role, string_agg(right_name, ', ' ORDER BY number) AS rights
    FROM has h
    WHERE may AND (role = 'public' OR NOT EXISTS (
        SELECT FROM has p
        WHERE p.kind = h.kind AND p.oid = h.oid AND p.right_name = h.right_name
            AND p.role = 'public' AND p.may))
    GROUP BY kind, name, owner, oid, role
)
SELECT m.kind, m.name, pg_get_userbyid(m.owner), coalesce((
    SELECT string_agg(CASE t.role WHEN 'public' THEN 'PUBLIC' ELSE t.role END || ': ' || t.rights,
        '; ' ORDER BY t.role)
    FROM told t WHERE t.kind = m.kind AND t.oid = m.oid), '')
FROM mine m
UNION ALL
SELECT 'column', a.attrelid::regclass || '.' || a.attname, pg_get_userbyid(c.relowner),
    a.attacl::text
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE a.attacl IS NOT NULL AND c.oid >= 16384 AND NOT EXISTS (
    SELECT FROM extension e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid)
UNION ALL
SELECT 'default', CASE defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences'
        WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas' END
        || CASE defaclnamespace WHEN 0 THEN '' ELSE ' in ' || defaclnamespace::regnamespace END,
    pg_get_userbyid(defaclrole),
    coalesce((
        SELECT string_agg(CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.grantee) END
            || ': ' || g.privilege_type, '; ' ORDER BY 1)
        FROM aclexplode(defaclacl) AS g WHERE g.grantee <> defaclrole), '')
FROM pg_default_acl
UNION ALL
SELECT 'changed', pg_describe_object(o.classoid, o.oid, 0), pg_get_userbyid(o.owner),
    coalesce(o.acl::text, 'the default')
FROM (
    SELECT 'pg_class'::regclass::oid AS classoid, oid, relowner AS owner, relacl AS acl
    FROM pg_class
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL SELECT 'pg_proc'::regclass, oid, proowner, proacl FROM pg_proc
    UNION ALL SELECT 'pg_namespace'::regclass, oid, nspowner, nspacl FROM pg_namespace
    UNION ALL SELECT 'pg_type'::regclass, oid, typowner, typacl FROM pg_type
    UNION ALL SELECT 'pg_language'::regclass, oid, lanowner, lanacl FROM pg_language
) AS o
LEFT JOIN pg_init_privs i ON i.classoid = o.classoid AND i.objoid = o.oid AND i.objsubid = 0
WHERE (o.oid < 16384 OR EXISTS (
        SELECT FROM extension e WHERE e.classid = o.classoid AND e.objid = o.oid))
    AND o.oid <> 'public'::regnamespace
    AND o.acl IS DISTINCT FROM i.initprivs
    -- initdb notes no first rights for the information schema, where PUBLIC may read.
    AND NOT (pg_get_userbyid(o.owner) = 'postgres' AND o.acl::text IN (
        '{postgres=UC/postgres,=U/postgres}', '{postgres=arwdDxt/postgres,=r/postgres}',
        '{postgres=arwdDxtm/postgres,=r/postgres}')
        AND (pg_identify_object(o.classoid, o.oid, 0)).schema
            IS NOT DISTINCT FROM CASE o.classoid WHEN 'pg_namespace'::regclass THEN NULL
                ELSE 'information_schema' END)
UNION ALL
SELECT 'other', 'large object ' || oid, pg_get_userbyid(lomowner), coalesce(lomacl::text, '')
FROM pg_largeobject_metadata
UNION ALL
SELECT 'other', 'parameter ' || parname, '', paracl::text FROM pg_parameter_acl
UNION ALL
SELECT 'other', 'language ' || lanname, pg_get_userbyid(lanowner), coalesce(lanacl::text, '')
FROM pg_language WHERE oid >= 16384
UNION ALL
SELECT 'other', 'foreign data wrapper ' || fdwname, pg_get_userbyid(fdwowner),
    coalesce(fdwacl::text, '')
FROM pg_foreign_data_wrapper f WHERE NOT EXISTS (
    SELECT FROM extension e
    WHERE e.classid = 'pg_foreign_data_wrapper'::regclass AND e.objid = f.oid)
UNION ALL
SELECT 'other', 'foreign server ' || srvname, pg_get_userbyid(srvowner), coalesce(srvacl::text, '')
FROM pg_foreign_server
UNION ALL
SELECT 'other', 'publication ' || pubname, pg_get_userbyid(pubowner), '' FROM pg_publication
UNION ALL
SELECT 'other', 'event trigger ' || evtname, pg_get_userbyid(evtowner), ''
FROM pg_event_trigger v WHERE NOT EXISTS (
    SELECT FROM extension e WHERE e.classid = 'pg_event_trigger'::regclass AND e.objid = v.oid)
UNION ALL
SELECT 'other', 'policy ' || polname || ' of ' || polrelid::regclass, '', '' FROM pg_policy
"""

ROLES = """
SELECT r.rolname,
    concat_ws(', ', CASE WHEN rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END,
        CASE WHEN rolinherit THEN NULL ELSE 'NOINHERIT' END,
        CASE WHEN rolcreaterole THEN 'CREATEROLE' END, CASE WHEN rolcreatedb THEN 'CREATEDB' END,
        CASE WHEN rolreplication THEN 'REPLICATION' END,
        CASE WHEN rolbypassrls THEN 'BYPASSRLS' END,
        CASE WHEN rolconnlimit >= 0 THEN 'CONNECTION LIMIT ' || rolconnlimit END),
    coalesce((
        SELECT string_agg('`' || g.rolname || '`'
            || CASE WHEN m.admin_option THEN ' WITH ADMIN OPTION' ELSE '' END, ', '
            ORDER BY g.rolname)
        FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid), ''),
    coalesce((
        SELECT string_agg(s, ', ' ORDER BY s)
        FROM pg_db_role_setting d CROSS JOIN LATERAL unnest(d.setconfig) AS s
        WHERE d.setrole = r.oid), '')
FROM pg_roles r
WHERE NOT rolsuper AND rolname !~ '^pg_'
ORDER BY 1
"""

DEFINERS = """
SELECT replace(p.oid::regprocedure::text, 'timestamp with time zone', 'timestamptz'),
    pg_get_userbyid(p.proowner), coalesce((
    SELECT string_agg(s, ', ') FROM unnest(p.proconfig) AS s WHERE s LIKE 'search_path=%'), '')
FROM pg_proc p
WHERE p.prosecdef AND NOT EXISTS (
        SELECT FROM pg_depend d
        WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
ORDER BY 1
"""
