using SyncEngine.Postgres.Nodes;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Outbox;

/// <summary>The statements on one outbox, printed once for its names and its shape.</summary>
/// <remarks>
/// <para>
/// Times are UTC without zone, by the database's clock alone. A row's id is fixed when <c>lock_expiry</c> is set: the row is in work, was
/// in work, or has been numbered (<c>-infinity</c>: by no node).
/// </para>
/// <para>
/// A row's <c>xmin</c> has 32 bits. It is completed from its age, counted back from <c>newest</c>, the transaction from which age() counts
/// (https://www.postgresql.org/docs/current/routine-vacuuming.html). Casting xmin by way of its text costs five times as much for each row
/// of a backlog.
/// </para>
/// <para>
/// A row is new to a poll by the last poll's horizon, the oldest transaction that was running then. The last snapshot would not do, because
/// a snapshot does not list subtransactions (https://www.postgresql.org/docs/current/functions-info.html, pg_visible_in_snapshot). Below
/// the horizon everything had been seen. What was seen above it was fixed at once (<see cref="Fix"/>).
/// </para>
/// </remarks>
sealed class OutboxSql(OutboxNames names, OutboxShape shape)
{
    private const string Now = NodesTable.Now;
    private const string Age = "(age(o.xmin)::bigint & 4294967295)";
    private const string Bytes = "coalesce(pg_column_size(o.data), 0)::bigint + coalesce(pg_column_size(o.headers), 0)";
    private const string Row = "o.sequence_id::bigint, o.channel, o.mutation_id, o.name, o.rejected, o.data::text, o.headers::text";

    /// <summary>
    /// The lowest 32 bits of newest follow from the age of the first ordinary transaction. It lies near the snapshot's end.
    /// </summary>
    private const string Moment = $"""
        SELECT s.oldest, s.ends + ((age('3'::xid)::bigint + 3 - s.ends + 2147483648) & 4294967295) - 2147483648 AS newest, {Now} AS now
        FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest,
                     pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS ends) s
        """;

    // Sub-selects are evaluated once; a join would be evaluated for each row.
    private const string IsNew = $"(o.lock_expiry IS NULL AND {Age} <= (SELECT youth FROM base))";
    private const string IsFree =
        "(o.locked_by IS NULL OR o.lock_expiry IS NULL OR o.lock_expiry <= (SELECT now FROM moment)"
        + " OR o.locked_by NOT IN (SELECT id FROM live))";
    private const string IsBusy =
        "(o.locked_by <> @node AND o.lock_expiry > (SELECT now FROM moment) AND o.locked_by IN (SELECT id FROM live))";

    private readonly string outbox = names.Outbox;
    private readonly string processed = shape.HasProcessed ? "o.processed" : "false";
    private readonly string notProcessed = shape.HasProcessed ? "NOT o.processed" : "true";

    /// <summary>
    /// Makes the rounds of all nodes run one after another. LOCK takes no snapshot, so the round's one snapshot is taken after it and sees
    /// what the round before has written.
    /// It does not conflict with heartbeats.
    /// </summary>
    public string LockRounds => $"LOCK TABLE {names.Nodes} IN SHARE UPDATE EXCLUSIVE MODE";

    /// <summary>Taken by the one node of the reduced mode.</summary>
    public static string LockNode => "SELECT pg_try_advisory_lock(1398361668, @key)";

    /// <summary>Shared by the nodes of the full mode, so that they and a node of the reduced mode exclude each other.</summary>
    public static string ShareNodes => "SELECT pg_try_advisory_lock_shared(1398361668, @key)";

    public static string BoundIdling => "SET LOCAL idle_in_transaction_session_timeout = '10s'";

    /// <summary>The answer's rows are of the kinds of <see cref="PollRow"/>.</summary>
    /// <remarks>
    /// A horizon above every transaction of this server is another server's (a restored dump): then every row that is not fixed is new.
    /// A backlog is read once for unusual rows (<c>found</c>: new, busy, processed). Known rows are read along the primary key, until there
    /// are enough.
    /// </remarks>
    public string Poll => $"""
        WITH moment AS MATERIALIZED ({Moment}),
        kept AS MATERIALIZED ({(shape.KeepsProgress
            ? $"SELECT highest, horizon::text::bigint AS horizon FROM sync.outbox_progress WHERE outbox = {Quoting.Literal(outbox)}"
            : "SELECT @highest AS highest, @horizon AS horizon WHERE @highest > 0")}),
        progress AS MATERIALIZED (
            SELECT kept.highest, CASE WHEN kept.horizon <= moment.newest THEN kept.horizon END AS horizon FROM kept, moment),
        live AS MATERIALIZED (SELECT n.id FROM {names.Nodes} n, moment WHERE n.expiry > moment.now),
        base AS MATERIALIZED (
            SELECT coalesce(
                       (SELECT highest FROM progress),
                       (SELECT max(o.sequence_id) FROM {outbox} o
                        WHERE {(shape.HasProcessed ? "o.processed OR " : "")}o.lock_expiry IS NOT NULL),
                       0)::bigint AS highest,
                   coalesce((SELECT horizon FROM progress), 0) AS horizon,
                   moment.newest - coalesce((SELECT horizon FROM progress), 0) AS youth,
                   (SELECT horizon FROM progress) IS NOT NULL AS is_kept
            FROM moment),
        found AS MATERIALIZED (
            SELECT CASE WHEN {processed} THEN {PollRow.Tombstone:D}
                        WHEN o.lock_expiry IS NULL THEN {PollRow.NewRow:D}
                        ELSE {PollRow.BusyChannel:D} END AS kind,
                   o.sequence_id, o.channel, {Bytes} AS bytes
            FROM {outbox} o WHERE {processed} OR {IsNew} OR {IsBusy})
        SELECT {PollRow.Head:D}, coalesce((SELECT max(o.sequence_id) FROM {outbox} o), 0)::bigint,
               base.is_kept::text, base.highest, base.horizon, moment.oldest,
               {Quoting.Literal(outbox)}::regclass::oid::bigint, false
        FROM moment, base
        UNION ALL
        SELECT {PollRow.LiveNode:D}, 0, live.id, 0, 0, 0, 0, false FROM live
        UNION ALL
        (SELECT {PollRow.KnownRow:D}, o.sequence_id, o.channel, {Bytes}, 0, 0, 0, o.lock_expiry IS NOT NULL
         FROM {outbox} o
         WHERE {notProcessed} AND {IsFree} AND NOT {IsNew} AND o.channel <> ALL (@left_out)
         ORDER BY o.sequence_id LIMIT @limit + 1)
        UNION ALL
        (SELECT {PollRow.NewRow:D}, f.sequence_id, f.channel, f.bytes, 0, 0, 0, false
         FROM found f WHERE f.kind = {PollRow.NewRow:D} ORDER BY f.sequence_id LIMIT @limit + 1)
        UNION ALL
        (SELECT DISTINCT {PollRow.BusyChannel:D}, 0, f.channel, 0, 0, 0, 0, false FROM found f WHERE f.kind = {PollRow.BusyChannel:D})
        UNION ALL
        (SELECT {PollRow.OwnRow:D}, o.sequence_id, o.channel, {Bytes}, 0, 0, 0, true
         FROM {outbox} o WHERE @own_too AND o.locked_by = @node AND {notProcessed})
        UNION ALL
        (SELECT {PollRow.Tombstone:D}, f.sequence_id, NULL, 0, 0, 0, 0, false FROM found f WHERE f.kind = {PollRow.Tombstone:D} LIMIT 100)
        UNION ALL
        SELECT {PollRow.Cost:D}, (extract(epoch FROM {Now} - moment.now) * 1000000)::bigint, NULL, 0, 0, 0, 0, false FROM moment
        """;

    /// <summary>
    /// A row is ripe when its transaction is older than every one that still writes: no row can appear before it any more.
    /// </summary>
    public string PollReduced => $"""
        SELECT {Row}, {Age} > moment.newest - moment.oldest
        FROM {outbox} o, ({Moment}) moment
        WHERE {notProcessed} AND (o.locked_by IS NULL OR o.lock_expiry <= moment.now OR o.lock_expiry IS NULL)
          AND o.channel <> ALL (@left_out) AND o.sequence_id <> ALL (@in_hand)
        ORDER BY o.sequence_id LIMIT @limit
        """;

    public string FreshIds => $"SELECT nextval({Quoting.Literal(shape.Sequence ?? "")}) FROM generate_series(1, @count)";

    /// <summary>With room above, so that the setting cannot fall behind a writer that takes a number meanwhile.</summary>
    public string MoveSequence => $"SELECT setval({Quoting.Literal(shape.Sequence ?? "")}, @above + 10000)";

    /// <summary>Values cached by this session lie below the sequence's new place.</summary>
    public static string ForgetSequences => "DISCARD SEQUENCES";

    /// <remarks>A column that is always generated takes no value, not even its own.</remarks>
    public string Decide => $"""
        UPDATE {outbox} o
        SET {(shape.IsAlwaysGenerated ? "" : "sequence_id = d.final, ")}locked_by = CASE WHEN d.taken THEN @node END,
            lock_expiry = CASE WHEN d.taken THEN {Now} + @lock ELSE '-infinity' END
        FROM unnest(@ids, @finals, @taken) AS d (id, final, taken)
        WHERE o.sequence_id = d.id
        RETURNING d.taken, {Row}
        """;

    /// <summary>
    /// Every new row of a channel whose first new row is late. Materialized, because a number that is taken twice is another one.
    /// </summary>
    public string NumberLate => $"""
        WITH moment AS MATERIALIZED ({Moment}),
        base AS MATERIALIZED (SELECT moment.newest - @horizon AS youth FROM moment),
        late AS MATERIALIZED (
            SELECT ordered.sequence_id AS id, nextval({Quoting.Literal(shape.Sequence ?? "")}) AS final
            FROM (SELECT sequence_id
                  FROM (SELECT o.sequence_id, min(o.sequence_id) OVER (PARTITION BY o.channel) AS earliest
                        FROM {outbox} o WHERE {notProcessed} AND {IsNew}) appeared
                  WHERE earliest <= @highest
                  ORDER BY sequence_id) ordered),
        numbered AS (
            UPDATE {outbox} o SET sequence_id = late.final, locked_by = NULL, lock_expiry = '-infinity'
            FROM late WHERE o.sequence_id = late.id RETURNING o.sequence_id)
        SELECT count(*)::int, max(sequence_id)::bigint FROM numbered
        """;

    /// <summary>Rows that this poll has seen above its horizon, and not decided about, keep their ids.</summary>
    public string Fix => $"""
        UPDATE {outbox} o SET lock_expiry = '-infinity'
        FROM ({Moment}) moment
        WHERE o.lock_expiry IS NULL AND {notProcessed} AND {Age} <= moment.newest - moment.oldest
        """;

    public string KeepProgress => $"""
        INSERT INTO sync.outbox_progress AS p (outbox, highest, horizon)
        VALUES ({Quoting.Literal(outbox)}, @highest, @horizon::text::xid8)
        ON CONFLICT (outbox) DO UPDATE SET highest = greatest(p.highest, excluded.highest), horizon = excluded.horizon
        """;

    /// <summary>
    /// Deletes rows that are stored at their target. The highest of the table stays as tombstone, for readers of max(sequence_id). A
    /// recreated table may have used an id again. So a row is deleted only while it is this node's, or has the same mutation.
    /// </summary>
    public string Settle => shape switch
    {
        { Mode: OutboxMode.Reduced } => $"""
            WITH gone AS (
                DELETE FROM {outbox} o USING unnest(@ids, @mutations) AS d (id, mutation)
                WHERE o.sequence_id = d.id AND o.mutation_id = d.mutation)
            SELECT NULL::bigint WHERE false
            """,
        { HasProcessed: true } => $"""
            WITH top AS MATERIALIZED (SELECT max(sequence_id) AS id FROM {outbox}),
            kept AS (
                UPDATE {outbox} o SET processed = true, locked_by = NULL, lock_expiry = NULL
                FROM top WHERE o.sequence_id = top.id AND o.sequence_id = ANY (@ids) AND o.locked_by = @node RETURNING o.sequence_id),
            gone AS (
                DELETE FROM {outbox} o USING top
                WHERE o.sequence_id < top.id
                  AND ((o.sequence_id = ANY (@ids) AND o.locked_by = @node) OR (o.sequence_id = ANY (@tombstones) AND o.processed)))
            SELECT sequence_id::bigint FROM kept
            """,
        _ => $"""
            WITH gone AS (DELETE FROM {outbox} o WHERE o.sequence_id = ANY (@ids) AND o.locked_by = @node)
            SELECT NULL::bigint WHERE false
            """,
    };

    public string DeadLetter => $"""
        INSERT INTO sync.dead_letters (source, target, payload, code, error)
        SELECT {Quoting.Literal(outbox)}, @target,
            json_build_object('sequence_id', o.sequence_id, 'mutation_id', o.mutation_id, 'channel', o.channel, 'name', o.name,
                              'rejected', o.rejected, 'data', o.data, 'headers', o.headers)::text,
            @code, @error
        FROM {outbox} o
        WHERE o.sequence_id = @id AND {(shape.Mode == OutboxMode.Reduced ? "o.mutation_id = @mutation" : "o.locked_by = @node")}
        """;

    /// <summary>Leaves out rows that are being settled, and locks that have most of their time left.</summary>
    public string RenewLocks => $"""
        UPDATE {outbox} o SET lock_expiry = {Now} + @lock
        WHERE o.sequence_id IN (
            SELECT r.sequence_id FROM {outbox} r
            WHERE r.sequence_id = ANY (@ids) AND r.locked_by = @node AND r.lock_expiry < {Now} + @lock * 0.7
            FOR UPDATE SKIP LOCKED)
        """;

    public string RemoveTombstones =>
        $"DELETE FROM {outbox} o WHERE o.processed AND o.sequence_id < (SELECT max(sequence_id) FROM {outbox})";
}
