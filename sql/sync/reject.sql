-- Run by `-- setup`; called by applications to refuse a write to the client that awaits its id, also from a transaction that is rolled back.
-- The message is not part of the transaction, and is streamed when the log has been flushed past it. Before 17 it does not ask for a
-- flush itself. A transaction with an id writes a record at its end, committed or not, and the WAL writer flushes that within
-- wal_writer_delay: so the transaction is given an id.
CREATE OR REPLACE FUNCTION sync.reject(id text, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog
AS $function$
BEGIN
    PERFORM pg_current_xact_id();
    PERFORM pg_logical_emit_message(false, 'sync.reject', convert_to(json_build_object('id', id, 'reason', reason)::text, 'UTF8'));
END
$function$;
COMMENT ON FUNCTION sync.reject(text, text) IS 'Rejects the write with this id to the client that awaits it, whether or not the transaction commits.';
GRANT EXECUTE ON FUNCTION sync.reject(text, text) TO PUBLIC;
