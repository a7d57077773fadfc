-- Run by setup (or at start with AutoCreate) where no trigger calls the function yet, as the owner of the outbox: one wake-up for each INSERT statement.
-- psql -v outbox_schema=public -v outbox_table=outbox -v outbox_notify=outbox_notify -v outbox_trigger=public_outbox_trigger -f sql/outbox/trigger.sql
CREATE OR REPLACE TRIGGER :"outbox_trigger" AFTER INSERT ON :"outbox_schema".:"outbox_table"
    FOR EACH STATEMENT EXECUTE FUNCTION :"outbox_schema".:"outbox_notify"();
