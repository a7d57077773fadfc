using System.Threading.Channels;
using SyncEngine.Changes;
using SyncEngine.Changes.PgOutput;
using SyncEngine.Ports;

namespace SyncEngine.Tests.Loop;

/// <summary>A source whose events a test writes; it records what the engine asks of it.</summary>
sealed class RecordingSource : IChangeSource
{
    private readonly Channel<SourceEvent> events = Channel.CreateUnbounded<SourceEvent>();

    public ChannelReader<SourceEvent> Events => events.Reader;

    public List<uint[]> Watched { get; } = [];

    public List<ulong> Acknowledged { get; } = [];

    public Task RunAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public long Watch(IReadOnlyCollection<uint> relationOids)
    {
        Watched.Add([.. relationOids.Order()]);
        return Watched.Count;
    }

    public void Acknowledge(Lsn position) => Acknowledged.Add(position.Value);

    public void EmitProgressMessage()
    {
    }

    public void Start(ulong from, bool isContinuation = false) =>
        events.Writer.TryWrite(new SourceEvent.Started(new Lsn(from), "1", isContinuation));

    /// <summary>A transaction that changed the relations; its rows are left out.</summary>
    public void Commit(ulong xid, ulong endLsn, params uint[] touched) => events.Writer.TryWrite(
        new SourceEvent.Transaction(new CommittedTransaction(
            xid, new CommitMessage(new Lsn(endLsn), new Lsn(endLsn), 5), touched, long.MaxValue, NoMessages.Instance)));

    private sealed class NoMessages : IMessageSpool
    {
        public static readonly NoMessages Instance = new();

        public IEnumerable<ReadOnlyMemory<byte>> Read() => [];

        public void Dispose()
        {
        }
    }
}
