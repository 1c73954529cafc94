CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
END $$;
CREATE TRIGGER fail BEFORE INSERT ON internal.prometheus_remote_write
    FOR EACH ROW EXECUTE FUNCTION public.fail()
