-- Run by setup (or at start with AutoCreateNodes), as the owner of the outbox: the engines that publish it, each alive until a time (UTC).
-- psql -v nodes_schema=public -v nodes_table=nodes -f sql/outbox/nodes.sql
CREATE TABLE IF NOT EXISTS :"nodes_schema".:"nodes_table" (
    id text PRIMARY KEY,
    expiry timestamp without time zone NOT NULL
);
COMMENT ON TABLE :"nodes_schema".:"nodes_table" IS 'SyncEngine: the engines that publish the outbox';
