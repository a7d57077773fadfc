using System.Buffers.Binary;
using SyncEngine.Changes.PgOutput;

namespace SyncEngine.Changes;

public enum ChangeKind : byte
{
    Insert,
    Update,
    Delete,
    Truncate,

    /// <summary>A transactional logical message.</summary>
    Message,

    /// <summary>A relation's definition, for the changes after it; the map holds it already.</summary>
    Relation,
}

/// <summary>
/// Reads the changes of one chunk of a <see cref="CommittedTransaction"/>, in order and without copying. Every property is valid until the
/// next <see cref="Read"/> or the next chunk.
/// </summary>
/// <remarks>
/// A relation's version belongs to a change, not to a transaction: DDL in the middle sends the relation again, and
/// <paramref name="relations"/> is updated.
/// </remarks>
public ref struct ChangeReader(ReadOnlySpan<byte> chunk, RelationMap relations)
{
    /// <summary>Bytes before each message that hold its length, little-endian.</summary>
    public const int LengthPrefix = 4;

    private readonly RelationMap relations = relations;
    private ReadOnlySpan<byte> rest = chunk;
    private ReadOnlySpan<byte> message;
    private RowMessage row;

    public ChangeKind Kind { get; private set; }

    /// <summary>The relation of a row or of a <see cref="ChangeKind.Relation"/>; zero for the others.</summary>
    public uint RelationOid { get; private set; }

    public readonly OldTupleKind OldKind => row.OldKind;

    /// <summary>The old image of an UPDATE or DELETE as far as the replica identity sends it.</summary>
    public readonly TupleData Old => row.Old;

    /// <summary>The new image of an INSERT or UPDATE.</summary>
    public readonly TupleData New => row.New;

    /// <summary>The definition that this row was written with, or that this change brought.</summary>
    public readonly Relation Relation => relations[RelationOid];

    /// <summary>Of a <see cref="ChangeKind.Truncate"/>.</summary>
    public readonly TruncateMessage Truncate => TruncateMessage.Parse(message);

    /// <summary>Of a <see cref="ChangeKind.Message"/>.</summary>
    public readonly LogicalMessage Message => LogicalMessage.Parse(message);

    /// <summary>Moves to the next change; false when the chunk is at its end.</summary>
    /// <exception cref="MalformedMessageException">The bytes are not what the server sends.</exception>
    public bool Read()
    {
        while (TakeMessage())
        {
            row = default;
            RelationOid = 0;
            switch ((MessageKind)message[0])
            {
                case MessageKind.Insert:
                    return Row(ChangeKind.Insert, RowMessage.ParseInsert(message));
                case MessageKind.Update:
                    return Row(ChangeKind.Update, RowMessage.ParseUpdate(message));
                case MessageKind.Delete:
                    return Row(ChangeKind.Delete, RowMessage.ParseDelete(message));
                case MessageKind.Truncate:
                    Kind = ChangeKind.Truncate;
                    _ = TruncateMessage.Parse(message);
                    return true;
                case MessageKind.Message:
                    Kind = ChangeKind.Message;
                    _ = LogicalMessage.Parse(message);
                    return true;
                case MessageKind.Relation:
                    var relation = RelationMessage.Parse(message);
                    relations.Set(relation);
                    Kind = ChangeKind.Relation;
                    RelationOid = relation.Oid;
                    return true;
                case MessageKind.Type or MessageKind.Origin:
                    continue;
                default:
                    throw new MalformedMessageException(message[0], "it has no place inside a transaction");
            }
        }

        return false;
    }

    private bool Row(ChangeKind kind, RowMessage parsed)
    {
        Kind = kind;
        RelationOid = parsed.RelationOid;
        row = parsed;
        return true;
    }

    private bool TakeMessage()
    {
        if (rest.IsEmpty)
        {
            return false;
        }

        var length = rest.Length >= LengthPrefix ? BinaryPrimitives.ReadInt32LittleEndian(rest) : -1;
        if (length < 1 || length > rest.Length - LengthPrefix)
        {
            throw new MalformedMessageException($"a chunk has {rest.Length} bytes left for a message of {length}");
        }

        message = rest.Slice(LengthPrefix, length);
        rest = rest[(LengthPrefix + length)..];
        return true;
    }
}
