-- Run by setup, as the engine's role: what the hub target keeps of each channel for a while, so that every engine can deliver it and clients can resume.
-- Whoever may SELECT here (under row-level security, if you add policies) may read the channels over the hub.
CREATE TABLE IF NOT EXISTS sync.channel_messages (
    channel text NOT NULL,
    id bigint NOT NULL,
    name text NOT NULL,
    data jsonb,
    headers jsonb NOT NULL,
    time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (channel, id)
);
-- What has expired is looked for by time.
CREATE INDEX IF NOT EXISTS channel_messages_time ON sync.channel_messages (time);
COMMENT ON TABLE sync.channel_messages IS 'SyncEngine: what the hub target keeps of each channel for a while';
