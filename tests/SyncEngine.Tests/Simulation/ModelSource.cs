using System.Threading.Channels;
using SyncEngine.Changes;
using SyncEngine.Changes.PgOutput;
using SyncEngine.Ports;
using SyncEngine.Tests.Changes;

namespace SyncEngine.Tests.Simulation;

/// <summary>Delivers the model database's commits as the replication source would: in order, late, with interruptions and new epochs.</summary>
sealed class ModelSource(ModelDatabase database, Random random) : IChangeSource
{
    private readonly Channel<SourceEvent> events = Channel.CreateUnbounded<SourceEvent>();
    private readonly HashSet<uint> described = [];
    private HashSet<uint> watched = [];
    private long version;
    private int next;
    private bool isProgressWanted;

    public ChannelReader<SourceEvent> Events => events.Reader;

    public bool IsConnected { get; private set; }

    public bool HasStarted { get; private set; }

    public Lsn Delivered { get; private set; }

    public Lsn Acknowledged { get; private set; }

    public Task RunAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public long Watch(IReadOnlyCollection<uint> relationOids)
    {
        watched = [.. relationOids];
        return ++version;
    }

    public void Acknowledge(Lsn position) => Acknowledged = position;

    public void EmitProgressMessage() => isProgressWanted = true;

    public void Connect(bool isContinuation)
    {
        isContinuation &= HasStarted;
        if (!isContinuation)
        {
            // A new slot waits for the transactions that are running.
            database.MakeAllVisible();
            Delivered = database.InsertPosition;
            next = database.Commits.Count;
        }

        described.Clear();
        IsConnected = true;
        HasStarted = true;
        events.Writer.TryWrite(new SourceEvent.Started(Delivered, "1", isContinuation));
    }

    public void Interrupt()
    {
        IsConnected = false;
        events.Writer.TryWrite(new SourceEvent.Interrupted("the walsender went away"));
    }

    /// <summary>Delivers the next commit; when there is none, sometimes the position.</summary>
    public void Deliver(bool mayTellPosition)
    {
        if (!IsConnected)
        {
            return;
        }

        if (next < database.Commits.Count)
        {
            var commit = database.Commits[next++];
            Delivered = commit.EndLsn;
            events.Writer.TryWrite(new SourceEvent.Transaction(Transaction(commit)));
            return;
        }

        if (isProgressWanted || mayTellPosition)
        {
            if (isProgressWanted)
            {
                database.Write();
            }

            isProgressWanted = false;
            Delivered = database.InsertPosition;
            events.Writer.TryWrite(new SourceEvent.Position(Delivered));
        }
    }

    private CommittedTransaction Transaction(ModelCommit commit)
    {
        List<byte[]> messages = [];
        foreach (var change in commit.Changes)
        {
            if (described.Add(change.Table.Oid) || random.Next(50) == 0)
            {
                messages.Add(change.Table.RelationMessage());
            }

            if (watched.Contains(change.Table.Oid))
            {
                messages.Add(change.Message());
            }
        }

        // Cut into chunks anywhere between messages.
        var cut = random.Next(messages.Count + 1);
        var spool = new Spool([PgOutputBytes.Chunk([.. messages.Take(cut)]), PgOutputBytes.Chunk([.. messages.Skip(cut)])]);
        return new CommittedTransaction(commit.Xid, new CommitMessage(new Lsn(commit.EndLsn.Value - 1), commit.EndLsn, 5), commit.Touched, version, spool);
    }

    private sealed class Spool(IReadOnlyList<byte[]> chunks) : IMessageSpool
    {
        public IEnumerable<ReadOnlyMemory<byte>> Read() => chunks.Select(chunk => new ReadOnlyMemory<byte>(chunk));

        public void Dispose()
        {
        }
    }
}
