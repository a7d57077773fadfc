-- Run by setup (or at start with AutoCreate), as the owner of the outbox: wakes the engine. A failure is a warning: the INSERT never fails.
-- psql -v outbox_schema=public -v outbox_table=outbox -v outbox_notify=outbox_notify -f sql/outbox/notify.sql
CREATE OR REPLACE FUNCTION :"outbox_schema".:"outbox_notify"() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_notify('ably_adbc', '');
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'the outbox could not be notified: %', SQLERRM;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION :"outbox_schema".:"outbox_notify"() IS 'SyncEngine: wakes the engine when rows are inserted into the outbox';
