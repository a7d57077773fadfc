using System.Diagnostics;
using Npgsql;

namespace SyncEngine.Postgres.Outbox;

/// <summary>
/// The kinds of rows in the answer of <see cref="OutboxSql.Poll"/>: its first column. The columns that each kind uses are in <see
/// cref="PollReader"/>.
/// </summary>
enum PollRow
{
    Head,
    LiveNode,
    KnownRow,
    NewRow,
    BusyChannel,
    OwnRow,
    Tombstone,
    Cost,
}

/// <summary>Reads the answer of a poll into an <see cref="OutboxPoll"/>.</summary>
/// <param name="oid">The OID of the table whose shape was read.</param>
/// <param name="limit">The most known rows, and the most new ones.</param>
sealed class PollReader(uint oid, int limit)
{
    private readonly List<string> nodes = [];
    private readonly List<WaitingRow> own = [];
    private readonly List<WaitingRow> known = [];
    private readonly List<WaitingRow> appeared = [];
    private readonly HashSet<string> busy = new(StringComparer.Ordinal);
    private readonly List<long> tombstones = [];
    private OutboxProgress? progress;
    private long highest;
    private long horizon;
    private TimeSpan cost;

    /// <exception cref="OutboxChangedException">The table has been replaced.</exception>
    public async Task<OutboxPoll> ReadAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        while (await reader.ReadAsync(cancellationToken))
        {
            Read(reader);
        }

        return new OutboxPoll
        {
            Progress = progress!,
            Highest = highest,
            Horizon = horizon,
            LiveNodes = nodes,
            Own = Cut(own, int.MaxValue, out _),
            Known = Cut(known, limit, out var isKnownCut),
            IsKnownCut = isKnownCut,
            New = Cut(appeared, limit, out var isNewCut),
            IsNewCut = isNewCut,
            BusyChannels = busy,
            Tombstones = tombstones,
            Cost = cost,
        };
    }

    private void Read(NpgsqlDataReader row)
    {
        switch ((PollRow)row.GetInt32(0))
        {
            case PollRow.Head:
                ReadHead(row);
                break;
            case PollRow.LiveNode:
                nodes.Add(row.GetString(2));
                break;
            case PollRow.KnownRow:
                known.Add(WaitingAt(row));
                break;
            case PollRow.NewRow:
                appeared.Add(WaitingAt(row));
                break;
            case PollRow.BusyChannel:
                busy.Add(row.GetString(2));
                break;
            case PollRow.OwnRow:
                own.Add(WaitingAt(row) with { IsOwn = true });
                break;
            case PollRow.Tombstone:
                tombstones.Add(row.GetInt64(1));
                break;
            case PollRow.Cost:
                cost = TimeSpan.FromMicroseconds(row.GetInt64(1));
                break;
            default:
                throw new UnreachableException();
        }
    }

    private void ReadHead(NpgsqlDataReader row)
    {
        if (row.GetInt64(6) != oid)
        {
            throw new OutboxChangedException();
        }

        highest = row.GetInt64(1);
        progress = new OutboxProgress(row.GetInt64(3), row.GetString(2) == "true" ? row.GetInt64(4) : null);
        horizon = row.GetInt64(5);
    }

    private static WaitingRow WaitingAt(NpgsqlDataReader row) => new(row.GetInt64(1), row.GetString(2), row.GetInt64(3), row.GetBoolean(7));

    private static List<WaitingRow> Cut(List<WaitingRow> rows, int limit, out bool isCut)
    {
        rows.Sort((left, right) => left.Id.CompareTo(right.Id));
        isCut = rows.Count > limit;
        return isCut ? rows[..limit] : rows;
    }
}
