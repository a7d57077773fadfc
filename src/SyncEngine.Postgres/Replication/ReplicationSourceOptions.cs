using System.Text.RegularExpressions;
using SyncEngine.Changes;

namespace SyncEngine.Postgres.Replication;

/// <summary>The database, the slot and the bounds of a replication source.</summary>
public sealed partial record ReplicationSourceOptions
{
    /// <summary>A direct connection to the server: poolers do not support replication. The role needs REPLICATION.</summary>
    public required string ConnectionString { get; init; }

    public required string Publication { get; init; }

    /// <summary>The slot's name; a temporary slot gets a unique suffix. Default "syncengine".</summary>
    public string SlotName { get; init; } = "syncengine";

    /// <summary>Keeps the slot across connections and restarts, and with it the WAL that was not acknowledged. Default false.</summary>
    public bool IsPersistent { get; init; }

    /// <summary>The durable position of a persistent slot's consumer; without it the first stream of a process is a new epoch.</summary>
    public ResumePoint? Resume { get; init; }

    /// <summary>
    /// Bytes of transactions in memory, delivered ones that the consumer still holds included; beyond it they wait in files. Default
    /// 64 MiB.
    /// </summary>
    public long MemoryBudgetBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>The folder of those files. Default: a folder of ours under the system's temporary one.</summary>
    public string SpillDirectory { get; init; } = Path.Combine(Path.GetTempPath(), "syncengine-spill");

    /// <summary>Events that wait for the consumer; when it is full, reading pauses. Default 4096.</summary>
    public int QueueCapacity { get; init; } = 4096;

    /// <summary>The interval at which feedback reports the acknowledged position. Default 1 s.</summary>
    public TimeSpan FeedbackInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Silence after which the connection counts as dead (the server is asked for a sign of life after half of it). Default 5 min.
    /// </summary>
    /// <remarks>
    /// Longer than a server may be busy with a large unpublished transaction. A dead peer is noticed sooner, by TCP keepalive. Infinite
    /// fails in Npgsql 10.0.0.
    /// </remarks>
    public TimeSpan ReceiveTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The interval at which publication, slot and lag are checked. Default 2 s.</summary>
    public TimeSpan MonitorInterval { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>The first pause before a new attempt; it doubles up to <see cref="MaximumBackoff"/>. Default 250 ms.</summary>
    public TimeSpan MinimumBackoff { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Default 10 s.</summary>
    public TimeSpan MaximumBackoff { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The seed of the jitter of the pauses.</summary>
    public int Seed { get; init; } = 1;

    /// <exception cref="ArgumentException">An option has an invalid value; the message names it.</exception>
    public void Validate()
    {
        if (!SlotNamePattern().IsMatch(SlotName) || (!IsPersistent && SlotName.Length > LongestTemporaryPrefix))
        {
            throw new ArgumentException(
                $"slot name '{SlotName}' is not 1 to {(IsPersistent ? LongestName : LongestTemporaryPrefix)} of a-z, 0-9 and _");
        }

        if (Publication.Length == 0)
        {
            throw new ArgumentException("the publication's name is empty");
        }

        if (QueueCapacity < 1 || MemoryBudgetBytes < 1)
        {
            throw new ArgumentException("the queue and the memory budget must have room for something");
        }

        if (Resume is not null && !IsPersistent)
        {
            throw new ArgumentException("only a persistent slot can be resumed");
        }
    }

    private const int LongestName = 63;
    private const int LongestTemporaryPrefix = LongestName - 1 - 32;

    [GeneratedRegex("^[a-z0-9_]{1,63}$", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex SlotNamePattern();
}

/// <summary>The server and the position up to which a durable consumer has stored the stream of an earlier process.</summary>
public sealed record ResumePoint(string SystemIdentifier, uint Timeline, Lsn Position);
