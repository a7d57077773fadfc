-- Run by setup, as the engine's role: messages that their target can never take, with the reason. `replay-dead-letters` puts them back.
CREATE TABLE IF NOT EXISTS sync.dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,         -- quoted name of the outbox, with schema
    target text NOT NULL,         -- target:channel
    payload text NOT NULL,        -- the row as JSON
    code text NOT NULL,           -- the target's own code
    error text NOT NULL,
    time timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sync.dead_letters IS 'SyncEngine: messages that their target can never take';
