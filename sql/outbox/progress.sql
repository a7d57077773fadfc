-- Run by setup, as the engine's role: the highest number given in each outbox, across restarts of the engine and re-creations of the
-- table. One row for each outbox.
CREATE TABLE IF NOT EXISTS sync.outbox_progress (
    outbox text PRIMARY KEY,      -- quoted name with schema
    highest bigint NOT NULL,      -- the highest sequence_id that was ever visible to a poll
    horizon xid8 NOT NULL         -- every transaction below had ended at the last poll
);
COMMENT ON TABLE sync.outbox_progress IS 'SyncEngine: how far each outbox has been numbered';
