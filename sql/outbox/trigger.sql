-- Run by setup (or at start with AutoCreate), as the owner of the outbox, where no trigger calls the function: one wake-up per INSERT.
-- psql -v outbox_schema=public -v outbox_table=outbox -v outbox_notify=outbox_notify -v outbox_trigger=public_outbox_trigger -f sql/outbox/trigger.sql
CREATE OR REPLACE TRIGGER :"outbox_trigger" AFTER INSERT ON :"outbox_schema".:"outbox_table"
    FOR EACH STATEMENT EXECUTE FUNCTION :"outbox_schema".:"outbox_notify"();
