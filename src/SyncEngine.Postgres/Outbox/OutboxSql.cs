using SyncEngine.Postgres.Administration;

namespace SyncEngine.Postgres.Outbox;

/// <summary>The statements on one outbox, printed once for its names and its shape.</summary>
/// <remarks>
/// Times are UTC without zone, by the database's clock alone. A row's <c>xmin</c> has 32 bits: it is completed from the snapshot's horizon, below which every
/// visible row's transaction lies. Whoever updates a waiting row makes it a new one; that is harmless, as it is then numbered again.
/// </remarks>
sealed class OutboxSql(OutboxNames names, OutboxShape shape)
{
    private const string Now = "timezone('UTC', clock_timestamp())";
    private const string Xid = "(moment.horizon - ((moment.horizon - o.xmin::text::bigint) & 4294967295))";
    private const string IsNew = $"((base.seen IS NULL OR NOT pg_visible_in_snapshot(greatest({Xid}, 3)::text::xid8, base.seen)) AND {Xid}::text IS DISTINCT FROM base.writer::text)";
    private const string Bytes = "coalesce(pg_column_size(o.data), 0)::bigint + coalesce(pg_column_size(o.headers), 0)";
    private const string Row = "o.sequence_id::bigint, o.channel, o.mutation_id, o.name, o.rejected, o.data::text, o.headers::text";

    private readonly string outbox = names.Outbox;
    private readonly string notProcessed = shape.HasProcessed ? "NOT o.processed" : "true";

    /// <summary>Rounds of all nodes are one after another: an advisory lock, so that no privilege is needed.</summary>
    public static string LockRounds => "SELECT pg_advisory_xact_lock(1398361667, @key)";

    /// <summary>The one node of the reduced mode.</summary>
    public static string LockNode => "SELECT pg_try_advisory_lock(1398361668, @key)";

    public static string BoundIdling => "SET LOCAL idle_in_transaction_session_timeout = '10s'";

    /// <summary>Kinds: 0 the head, 1 a live node, 2 a waiting row, 3 a late row, 4 a busy channel, 5 a tombstone.</summary>
    public string Look => $"""
        WITH progress AS MATERIALIZED ({(shape.KeepsProgress
            ? $"SELECT highest, seen, writer FROM sync.outbox_progress WHERE outbox = {Quoting.Literal(outbox)}"
            : "SELECT @highest AS highest, @seen::pg_snapshot AS seen, @writer::xid8 AS writer WHERE @seen IS NOT NULL")}),
        moment AS MATERIALIZED (SELECT pg_current_snapshot() AS snapshot, pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS horizon, {Now} AS now),
        live AS MATERIALIZED (SELECT n.id FROM {names.Nodes} n, moment WHERE n.expiry > moment.now),
        base AS MATERIALIZED (
            SELECT coalesce((SELECT highest FROM progress), (SELECT max(o.sequence_id) FROM {outbox} o WHERE {(shape.HasProcessed ? "o.processed OR " : "")}o.locked_by IS NOT NULL), 0)::bigint AS highest,
                   (SELECT seen FROM progress) AS seen, (SELECT writer FROM progress) AS writer)
        SELECT 0, coalesce((SELECT max(o.sequence_id) FROM {outbox} o), 0)::bigint, moment.snapshot::text, base.highest, base.seen::text, base.writer::text, {Quoting.Literal(outbox)}::regclass::oid::bigint, false, false FROM moment, base
        UNION ALL
        SELECT 1, 0, live.id, 0, NULL, NULL, 0, false, false FROM live
        UNION ALL
        (SELECT 2, o.sequence_id, o.channel, {Bytes}, NULL, NULL, 0, o.locked_by IS NOT NULL, {IsNew}
         FROM {outbox} o, moment, base
         WHERE {notProcessed} AND {IsFree} AND (o.channel <> ALL (@held) OR (@all_new AND {IsNew}))
           AND NOT (o.locked_by IS NULL AND o.sequence_id <= base.highest AND {IsNew})
         ORDER BY o.sequence_id LIMIT @limit + 1)
        UNION ALL
        (SELECT 3, o.sequence_id, o.channel, {Bytes}, NULL, NULL, 0, false, true
         FROM {outbox} o, moment, base
         WHERE {notProcessed} AND o.locked_by IS NULL AND o.sequence_id <= base.highest AND {IsNew}
         ORDER BY o.sequence_id LIMIT @limit + 1)
        UNION ALL
        (SELECT DISTINCT 4, 0, o.channel, 0, NULL, NULL, 0, false, false
         FROM {outbox} o, moment
         WHERE o.locked_by <> @node AND {notProcessed} AND o.lock_expiry > moment.now AND o.locked_by IN (SELECT id FROM live))
        {(shape.HasProcessed ? $"UNION ALL (SELECT 5, o.sequence_id, NULL, 0, NULL, NULL, 0, false, false FROM {outbox} o WHERE o.processed LIMIT 100)" : "")}
        """;

    /// <summary>Rows whose transaction is older than every one that still writes: nothing can appear before them any more.</summary>
    public string LookReduced => $"""
        SELECT {Row}
        FROM {outbox} o, (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS horizon, pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest, {Now} AS now) moment
        WHERE {notProcessed} AND {Xid} < moment.oldest AND (o.locked_by IS NULL OR o.lock_expiry <= moment.now OR o.lock_expiry IS NULL)
          AND o.channel <> ALL (@held) AND o.sequence_id <> ALL (@in_hand)
        ORDER BY o.sequence_id LIMIT @limit
        """;

    public string FreshIds => $"SELECT nextval({Quoting.Literal(shape.Sequence ?? "")}) FROM generate_series(1, @count)";

    /// <summary>With room above, so that a writer who takes a number meanwhile cannot be overtaken by the setting.</summary>
    public string MoveSequence => $"SELECT setval({Quoting.Literal(shape.Sequence ?? "")}, @above + 10000) FROM {shape.Sequence} WHERE last_value <= @above";

    /// <summary>Values cached by this session lie below the sequence's new place.</summary>
    public static string ForgetSequences => "DISCARD SEQUENCES";

    public string Decide => $"""
        UPDATE {outbox} o
        SET sequence_id = d.final, locked_by = CASE WHEN d.taken THEN @node ELSE o.locked_by END, lock_expiry = CASE WHEN d.taken THEN {Now} + @lock ELSE o.lock_expiry END
        FROM unnest(@ids, @finals, @taken) AS d (id, final, taken)
        WHERE o.sequence_id = d.id
        RETURNING d.taken, {Row}
        """;

    public string KeepProgress => $"""
        INSERT INTO sync.outbox_progress AS p (outbox, highest, seen, writer)
        VALUES ({Quoting.Literal(outbox)}, @highest, @seen::pg_snapshot, pg_current_xact_id())
        ON CONFLICT (outbox) DO UPDATE SET highest = greatest(p.highest, excluded.highest), seen = excluded.seen, writer = excluded.writer
        """;

    public static string OwnTransaction => "SELECT pg_current_xact_id()::text";

    /// <summary>Rows that are stored at their target go; the highest of the table stays as tombstone, for readers of max(sequence_id).</summary>
    public string Settle => shape is { HasProcessed: true, Mode: OutboxMode.Full }
        ? $"""
            WITH top AS MATERIALIZED (SELECT max(sequence_id) AS id FROM {outbox}),
            kept AS (UPDATE {outbox} o SET processed = true, locked_by = NULL, lock_expiry = NULL FROM top WHERE o.sequence_id = top.id AND o.sequence_id = ANY (@ids) RETURNING o.sequence_id),
            gone AS (DELETE FROM {outbox} o USING top WHERE o.sequence_id < top.id AND (o.sequence_id = ANY (@ids) OR (o.sequence_id = ANY (@tombstones) AND o.processed)))
            SELECT sequence_id::bigint FROM kept
            """
        : $"""
            WITH gone AS (DELETE FROM {outbox} o WHERE o.sequence_id = ANY (@ids))
            SELECT NULL::bigint WHERE false
            """;

    public string DeadLetter => $"""
        INSERT INTO sync.dead_letters (source, target, payload, code, error)
        SELECT {Quoting.Literal(outbox)}, @target, (to_jsonb(o) - 'locked_by' - 'lock_expiry' - 'processed')::text, @code, @error FROM {outbox} o WHERE o.sequence_id = @id
        """;

    public string Beat => $"""
        WITH own AS (INSERT INTO {names.Nodes} AS n (id, expiry) VALUES (@node, {Now} + @expiry) ON CONFLICT (id) DO UPDATE SET expiry = excluded.expiry),
        gone AS (DELETE FROM {names.Nodes} n WHERE n.expiry <= {Now} AND n.id <> @node)
        SELECT n.id FROM {names.Nodes} n WHERE n.expiry > {Now} AND n.id <> @node
        """;

    public string Leave => $"DELETE FROM {names.Nodes} n WHERE n.id = @node";

    public string RenewLocks => $"UPDATE {outbox} o SET lock_expiry = {Now} + @lock WHERE o.sequence_id = ANY (@ids) AND o.locked_by = @node";

    public string RemoveTombstones => $"DELETE FROM {outbox} o WHERE o.processed AND o.sequence_id < (SELECT max(sequence_id) FROM {outbox})";

    public static string WakeOthers => $"SELECT pg_notify('{OutboxNames.NotifyChannel}', '')";

    private static string IsFree => "(o.locked_by IS NULL OR o.lock_expiry IS NULL OR o.lock_expiry <= moment.now OR o.locked_by NOT IN (SELECT id FROM live) OR (@own_too AND o.locked_by = @node))";
}
