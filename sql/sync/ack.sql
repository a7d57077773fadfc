-- Run by `-- setup`; called by applications inside a transaction, so that the engine knows when that transaction has passed the stream.
-- The message is part of the transaction: it is seen when it commits, and never when it is rolled back.
CREATE OR REPLACE FUNCTION sync.ack(id text) RETURNS void
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog
AS $function$
    SELECT pg_logical_emit_message(true, 'sync.ack', convert_to(id, 'UTF8'));
$function$;
COMMENT ON FUNCTION sync.ack(text) IS 'Confirms the write with this id to the client that awaits it, when the transaction commits.';
GRANT EXECUTE ON FUNCTION sync.ack(text) TO PUBLIC;
