using System.Buffers.Binary;
using System.Text;
using SyncEngine.Changes;
using SyncEngine.Changes.PgOutput;
using SyncEngine.Ports;

namespace SyncEngine.Postgres.Replication;

/// <summary>
/// Makes committed transactions out of pgoutput messages. Each message is read straight into the place where it will stay
/// (<see cref="Reserve"/>), then examined (<see cref="Accept"/>). Only then it is kept, or overwritten by the next.
/// </summary>
/// <remarks>
/// Lifecycle: one for all connections of a source, <see cref="Reset"/> before each; used by the reading loop alone.
/// Backpressure: none of its own. Past the memory budget a transaction goes to a file, chunk by chunk.
/// Stored: nothing beyond the transaction in hand.
/// After a crash: spill files are removed by the next start.
/// </remarks>
internal sealed class TransactionAssembler(
    MessageMemory memory, SpillDirectory spillDirectory, TransactionIds transactionIds, Func<WatchedRelations> watched)
    : IDisposable
{
    private readonly List<ArenaSegment> closedSegments = [];
    private readonly TouchedRelations touched = new();
    private MessageArena? arena;
    private int position;
    private int segmentStart;
    private FileSpool? file;

    private WatchedRelations watch = WatchedRelations.None;
    private ulong xid;
    private bool isRepeated;
    private Lsn repeatedBelow;
    private Lsn lastMessage;
    private uint lastOid;
    private bool isLastKept;

    /// <summary>A Begin has been read whose Commit has not.</summary>
    public bool InTransaction { get; private set; }

    /// <summary>Forgets a transaction that a lost connection cut off.</summary>
    /// <param name="deliveredUpTo">Transactions that end at or below it have been delivered before and are dropped when the server repeats
    /// them.</param>
    /// <param name="lastMessageDelivered">The same for messages outside transactions.</param>
    public void Reset(Lsn deliveredUpTo, Lsn lastMessageDelivered)
    {
        ReleaseSegments();
        file?.Dispose();
        file = null;
        position = segmentStart;
        touched.Clear();
        InTransaction = false;
        repeatedBelow = deliveredUpTo;
        lastMessage = lastMessageDelivered;
    }

    public void Dispose()
    {
        Reset(Lsn.Zero, Lsn.Zero);
        arena?.Release();
        arena = null;
        position = segmentStart = 0;
    }

    /// <summary>The memory for the next message.</summary>
    public Memory<byte> Reserve(int length)
    {
        EnsureRoom(ChangeReader.LengthPrefix + length);
        return arena!.Bytes.AsMemory(position + ChangeReader.LengthPrefix, length);
    }

    /// <summary>Takes the message that was written to the reserved place; returns the event that it completes, if any.</summary>
    public SourceEvent? Accept(int length)
    {
        var message = arena!.Bytes.AsSpan(position + ChangeReader.LengthPrefix, length);
        if (message.IsEmpty)
        {
            throw new MalformedMessageException("it is empty");
        }

        switch ((MessageKind)message[0])
        {
            case MessageKind.Insert or MessageKind.Update or MessageKind.Delete:
                RequireTransaction(message[0]);
                AcceptRow(message, length);
                return null;
            case MessageKind.Begin:
                Begin(BeginMessage.Parse(message));
                return null;
            case MessageKind.Commit:
                RequireTransaction(message[0]);
                return Commit(CommitMessage.Parse(message));
            case MessageKind.Relation:
                // Also those of unwatched relations and of repeated transactions: the server describes a relation once per connection.
                RequireTransaction(message[0]);
                Keep(length);
                return null;
            case MessageKind.Truncate:
                RequireTransaction(message[0]);
                AcceptTruncate(TruncateMessage.Parse(message), length);
                return null;
            case MessageKind.Message:
                return AcceptLogicalMessage(LogicalMessage.Parse(message), length);
            case MessageKind.Type or MessageKind.Origin:
                RequireTransaction(message[0]);
                return null;
            default:
                throw new MalformedMessageException(message[0], "it is of no kind that was asked for");
        }
    }

    private void Begin(BeginMessage begin)
    {
        if (InTransaction)
        {
            throw new MalformedMessageException((byte)MessageKind.Begin, "the transaction before has not ended");
        }

        InTransaction = true;
        watch = watched();
        lastOid = 0;
        isLastKept = false;
        xid = transactionIds.Resolve(begin.Xid);
        isRepeated = begin.CommitLsn < repeatedBelow;
    }

    private void AcceptRow(ReadOnlySpan<byte> message, int length)
    {
        var oid = RowMessage.PeekRelation(message);
        if (oid != lastOid)
        {
            lastOid = oid;
            isLastKept = !isRepeated && watch.Contains(oid);
            touched.Add(oid);
        }

        if (isLastKept)
        {
            Keep(length);
        }
    }

    private void AcceptTruncate(TruncateMessage truncate, int length)
    {
        for (var i = 0; i < truncate.Count; i++)
        {
            touched.Add(truncate[i]);
        }

        lastOid = 0;
        if (!isRepeated)
        {
            Keep(length);
        }
    }

    private SourceEvent? AcceptLogicalMessage(LogicalMessage message, int length)
    {
        if (message.IsTransactional)
        {
            RequireTransaction((byte)MessageKind.Message);
            if (!isRepeated)
            {
                Keep(length);
            }

            return null;
        }

        // Its LSN is the end of its record. A position equal to it may have been delivered just before, so that alone does not make it a
        // repetition.
        if (message.Lsn < repeatedBelow || message.Lsn <= lastMessage)
        {
            return null;
        }

        return new SourceEvent.Message(message.Lsn, Encoding.UTF8.GetString(message.Prefix), message.Content.ToArray());
    }

    private SourceEvent.Transaction? Commit(CommitMessage commit)
    {
        InTransaction = false;
        if (isRepeated)
        {
            // The relations it described stay, as the beginning of the next transaction.
            touched.Clear();
            return null;
        }

        var spool = TakeSpool();
        return new SourceEvent.Transaction(new CommittedTransaction(xid, commit, touched.Take(), watch.Version, spool));
    }

    private void Keep(int length)
    {
        BinaryPrimitives.WriteInt32LittleEndian(arena!.Bytes.AsSpan(position), length);
        position += ChangeReader.LengthPrefix + length;
    }

    private void EnsureRoom(int bytes)
    {
        if (arena is not null && arena.Bytes.Length - position >= bytes)
        {
            return;
        }

        CloseSegment();
        if (HasKeptMessages && (file is not null || !memory.HasRoomFor(bytes)))
        {
            SpillSegments();
            if (arena is not null && arena.Bytes.Length - position >= bytes)
            {
                return;
            }
        }

        arena?.Release();
        arena = memory.Rent(bytes);
        position = segmentStart = 0;
    }

    private bool HasKeptMessages => file is not null || closedSegments.Count > 0;

    private IMessageSpool TakeSpool()
    {
        if (position == segmentStart && !HasKeptMessages)
        {
            return EmptySpool.Instance;
        }

        CloseSegment();
        if (file is not null || memory.IsOver)
        {
            SpillSegments();
            var spilled = file!;
            file = null;
            return spilled;
        }

        IMessageSpool spool = closedSegments.Count == 1 ? new SegmentSpool(closedSegments[0]) : new MemorySpool([.. closedSegments]);
        closedSegments.Clear();
        return spool;
    }

    private void CloseSegment()
    {
        if (position > segmentStart)
        {
            arena!.AddReference();
            closedSegments.Add(new ArenaSegment(arena, segmentStart, position - segmentStart));
            segmentStart = position;
        }
    }

    private void SpillSegments()
    {
        file ??= spillDirectory.Create();
        foreach (var segment in closedSegments)
        {
            file.Append(segment.Memory);
        }

        // The last of them ends where the arena in hand is used up to: that part is free again.
        if (closedSegments is [.., var last] && last.Arena == arena)
        {
            position = segmentStart = last.Offset;
        }

        ReleaseSegments();
    }

    private void ReleaseSegments()
    {
        foreach (var segment in closedSegments)
        {
            segment.Arena.Release();
        }

        closedSegments.Clear();
    }

    private void RequireTransaction(byte kind)
    {
        if (!InTransaction)
        {
            throw new MalformedMessageException(kind, "it came outside a transaction");
        }
    }
}
