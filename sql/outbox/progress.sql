-- Run by setup, as the engine's role: how far each outbox has been numbered, across restarts of the engine and re-creations of the table. One row for each outbox.
CREATE TABLE IF NOT EXISTS sync.outbox_progress (
    outbox text PRIMARY KEY,      -- quoted name with schema
    highest bigint NOT NULL,      -- the highest sequence_id that was ever visible to a look
    seen pg_snapshot NOT NULL,    -- what the last look saw: whatever it did not see and is numbered at or below highest came late
    writer xid8                   -- the last look's own transaction, whose renumbered rows did not come late
);
COMMENT ON TABLE sync.outbox_progress IS 'SyncEngine: how far each outbox has been numbered';
