-- Run by setup, as the engine's role: the messages of each channel, kept for a while by the hub target.
-- Every engine can deliver them, and clients can resume. A role that may SELECT here (under row-level security, if you add policies) may
-- read the channels over the hub.
CREATE TABLE IF NOT EXISTS sync.channel_messages (
    channel text NOT NULL,
    id bigint NOT NULL,
    name text NOT NULL,
    data jsonb,
    headers jsonb NOT NULL,
    time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (channel, id)
);
-- Expired messages are found by time.
CREATE INDEX IF NOT EXISTS channel_messages_time ON sync.channel_messages (time);
COMMENT ON TABLE sync.channel_messages IS 'SyncEngine: what the hub target keeps of each channel for a while';
