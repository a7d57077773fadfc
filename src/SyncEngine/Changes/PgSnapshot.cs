using System.Globalization;

namespace SyncEngine.Changes;

/// <summary>The value of <c>pg_current_snapshot()</c>: the transactions that a read could see. Ids have 64 bits.</summary>
/// <remarks>https://www.postgresql.org/docs/current/functions-info.html (pg_snapshot components)</remarks>
public sealed class PgSnapshot
{
    private readonly HashSet<ulong> inProgress;

    public PgSnapshot(ulong xmin, ulong xmax, IEnumerable<ulong> inProgress)
    {
        Xmin = xmin;
        Xmax = xmax;
        this.inProgress = [.. inProgress];
    }

    /// <summary>Every transaction below it had ended.</summary>
    public ulong Xmin { get; }

    /// <summary>No transaction from it on had ended.</summary>
    public ulong Xmax { get; }

    /// <summary>Parses <c>xmin:xmax:xip,xip</c>.</summary>
    public static PgSnapshot Parse(string text)
    {
        var parts = text.Split(':');
        if (parts.Length != 3)
        {
            throw new FormatException($"'{text}' is not a pg_snapshot");
        }

        return new PgSnapshot(Xid(parts[0]), Xid(parts[1]), parts[2].Split(',', StringSplitOptions.RemoveEmptyEntries).Select(Xid));

        static ulong Xid(string id) => ulong.Parse(id, CultureInfo.InvariantCulture);
    }

    /// <summary>A transaction that has committed was visible to the snapshot.</summary>
    public bool Sees(ulong committedXid) => committedXid < Xmax && (committedXid < Xmin || !inProgress.Contains(committedXid));
}
