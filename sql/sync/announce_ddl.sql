-- Run by `-- setup`; called by the event triggers to announce, in commit order, that the schema changes with this transaction.
-- Temporary objects are left out: no other session sees them. An error here must never fail the application's DDL; the engine's poll
-- then finds the change.
CREATE OR REPLACE FUNCTION sync.announce_ddl() RETURNS event_trigger
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $function$
DECLARE
    is_announced boolean;
BEGIN
    IF tg_event = 'sql_drop' THEN
        is_announced := EXISTS (SELECT FROM pg_event_trigger_dropped_objects() WHERE NOT is_temporary);
    ELSE
        is_announced := EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE schema_name IS DISTINCT FROM 'pg_temp');
    END IF;
    IF is_announced THEN
        PERFORM pg_logical_emit_message(true, 'sync.ddl', convert_to(tg_tag, 'UTF8'));
    END IF;
EXCEPTION WHEN OTHERS THEN
    RAISE DEBUG 'sync.announce_ddl: % (%)', sqlerrm, sqlstate;
END
$function$;
COMMENT ON FUNCTION sync.announce_ddl() IS 'Announces DDL to SyncEngine through the write-ahead log.';
