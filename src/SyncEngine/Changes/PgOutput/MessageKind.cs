namespace SyncEngine.Changes.PgOutput;

/// <summary>The first byte of a pgoutput message.</summary>
/// <remarks>Protocol version 1: no streaming of transactions in progress, no two-phase commit.</remarks>
/// <remarks>https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html</remarks>
public enum MessageKind : byte
{
    Begin = (byte)'B',
    Commit = (byte)'C',
    Delete = (byte)'D',
    Insert = (byte)'I',
    Message = (byte)'M',
    Origin = (byte)'O',
    Relation = (byte)'R',
    Truncate = (byte)'T',
    Type = (byte)'Y',
    Update = (byte)'U',
}
