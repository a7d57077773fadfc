-- Run by `-- setup` where the role may create event triggers (superusers, and what hosting providers put in their place).
-- ALWAYS: DDL that arrives by replication changes the schema as any other.
DO $block$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'sync_ddl_end') THEN
        CREATE EVENT TRIGGER sync_ddl_end ON ddl_command_end EXECUTE FUNCTION sync.announce_ddl();
    END IF;
    IF NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'sync_ddl_drop') THEN
        CREATE EVENT TRIGGER sync_ddl_drop ON sql_drop EXECUTE FUNCTION sync.announce_ddl();
    END IF;
END
$block$;
ALTER EVENT TRIGGER sync_ddl_end ENABLE ALWAYS;
ALTER EVENT TRIGGER sync_ddl_drop ENABLE ALWAYS;
