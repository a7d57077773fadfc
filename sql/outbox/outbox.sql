-- Run by setup (or at start with AutoCreate), as the owner of the outbox: the table that a backend writes its events into.
-- psql -v outbox_schema=public -v outbox_table=outbox -f sql/outbox/outbox.sql
CREATE TABLE IF NOT EXISTS :"outbox_schema".:"outbox_table" (
    sequence_id bigserial PRIMARY KEY,
    mutation_id text NOT NULL,
    channel text NOT NULL,
    name text NOT NULL,
    rejected boolean NOT NULL DEFAULT false,
    data jsonb,
    headers jsonb,
    locked_by text,
    lock_expiry timestamp without time zone,
    processed boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE :"outbox_schema".:"outbox_table" IS 'SyncEngine: events that a backend writes in the transaction of its data';
