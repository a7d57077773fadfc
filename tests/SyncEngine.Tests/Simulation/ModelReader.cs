using System.Collections.Immutable;
using System.Text;
using SyncEngine.Changes;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Ports;
using SyncEngine.Values;

namespace SyncEngine.Tests.Simulation;

/// <summary>Answers reads from the model database: the snapshot is taken at one step, the upper bound read at a later one, the answer given later still.</summary>
sealed class ModelReader(ModelDatabase database, Random random) : ISnapshotReader
{
    private readonly List<Read> reads = [];

    public int UnderWay => reads.Count;

    /// <summary>One read of so many fails; zero for none.</summary>
    public int FailsOneIn { get; set; }

    public Task<SnapshotRead> ReadAsync(IReadOnlyList<SnapshotRequest> requests, Principal principal, CancellationToken cancellationToken)
    {
        var read = new Read(requests);
        reads.Add(read);
        return read.Answer.Task;
    }

    /// <summary>Moves one of the reads under way a step further.</summary>
    public void Step()
    {
        if (reads.Count == 0)
        {
            return;
        }

        var read = reads[random.Next(reads.Count)];
        if (read.Snapshot is null)
        {
            if (database.CanRead(read.Requests.SelectMany(request => request.LockTables)))
            {
                (read.Snapshot, var state) = database.TakeSnapshot();
                read.Results = [.. read.Requests.Select(request => Run(request, state))];
            }
        }
        else if (read.UpperBound is null)
        {
            read.UpperBound = database.InsertPosition;
        }
        else
        {
            reads.Remove(read);
            if (HasBadLuck())
            {
                read.Answer.SetException(new SyncException(ErrorCode.SourceUnavailable, "no connection is to be had"));
            }
            else
            {
                read.Answer.SetResult(new SnapshotRead(read.Snapshot, read.UpperBound.Value, read.Results));
            }
        }
    }

    private SnapshotResult Run(SnapshotRequest request, ModelState state)
    {
        if (HasBadLuck())
        {
            return new SnapshotResult(null, new SyncException(random.Next(2) == 0 ? ErrorCode.QueryTimeout : ErrorCode.QueryFailed, "it fails at present"));
        }

        var rows = ModelQuery.Named(request.Sql).Evaluate(state, request.Parameters, request.Encoder);
        return new SnapshotResult(new ResultRows(rows, rows.Sum(row => (long)row.Json.Length)), null);
    }

    private bool HasBadLuck() => FailsOneIn > 0 && random.Next(FailsOneIn) == 0;

    private sealed class Read(IReadOnlyList<SnapshotRequest> requests)
    {
        public IReadOnlyList<SnapshotRequest> Requests { get; } = requests;

        public TaskCompletionSource<SnapshotRead> Answer { get; } = new();

        public PgSnapshot? Snapshot { get; set; }

        public ImmutableArray<SnapshotResult> Results { get; set; }

        public Lsn? UpperBound { get; set; }
    }
}
