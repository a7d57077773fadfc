namespace SyncEngine.Changes.PgOutput;

/// <summary>Bytes from the stream that are not the message they claim to be. The stream cannot be trusted from there on.</summary>
public sealed class MalformedMessageException : Exception
{
    public MalformedMessageException(byte kind, string problem)
        : base($"malformed pgoutput message {Name(kind)}: {problem}")
    {
    }

    public MalformedMessageException(string problem)
        : base($"malformed pgoutput message: {problem}")
    {
    }

    private static string Name(byte kind) => kind is > 0x20 and < 0x7F ? $"'{(char)kind}'" : $"0x{kind:X2}";
}
