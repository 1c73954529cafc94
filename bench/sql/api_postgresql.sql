-- Filling without indexes and triggers is ten times as fast.
CREATE TABLE bench.loosened (number integer GENERATED ALWAYS AS IDENTITY, remake text);

CREATE PROCEDURE bench.loosen()
LANGUAGE plpgsql
AS $$
DECLARE
    v_store regclass;
    v_old record;
BEGIN
    FOR v_store IN SELECT bench.store(a.aggregate)::regclass FROM internal.aggregate_source a LOOP
        EXECUTE format('ALTER TABLE %s DISABLE TRIGGER USER', v_store);
        FOR v_old IN
            SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', v_store, c.conname) AS remove,
                format('ALTER TABLE %s ADD CONSTRAINT %I %s', v_store, c.conname,
                    pg_get_constraintdef(c.oid)) AS remake
            FROM pg_constraint c WHERE c.conrelid = v_store AND c.contype IN ('p', 'u')
            UNION ALL
            SELECT format('DROP INDEX %s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid)
            FROM pg_index i WHERE i.indrelid = v_store AND NOT i.indisunique
        LOOP
            INSERT INTO bench.loosened (remake) VALUES (v_old.remake);
            EXECUTE v_old.remove;
        END LOOP;
    END LOOP;
END
$$;

CREATE PROCEDURE bench.tighten()
LANGUAGE plpgsql
AS $$
DECLARE
    v_text text;
BEGIN
    FOR v_text IN SELECT l.remake FROM bench.loosened l ORDER BY l.number LOOP
        EXECUTE v_text;
    END LOOP;
    FOR v_text IN
        SELECT format('INSERT INTO %1$s SELECT * FROM %1$s_rows(''-infinity'', ''infinity'')',
            r.rollup)
        FROM internal.rollup r ORDER BY r.width
    LOOP
        EXECUTE v_text;
    END LOOP;
    FOR v_text IN
        SELECT format('ALTER TABLE %s ENABLE TRIGGER USER', bench.store(a.aggregate))
        FROM internal.aggregate_source a
    LOOP
        EXECUTE v_text;
    END LOOP;
END
$$;
