namespace SyncEngine.Sql.Syntax;

/// <summary>The position of a piece of syntax in the text as sent. It takes no part in equality.</summary>
public readonly struct SourcePosition(int character) : IEquatable<SourcePosition>
{
    /// <summary>1-based; zero for syntax that was never text.</summary>
    public int Character { get; } = character;

    public static bool operator ==(SourcePosition left, SourcePosition right) => left.Equals(right);

    public static bool operator !=(SourcePosition left, SourcePosition right) => !left.Equals(right);

    public bool Equals(SourcePosition other) => true;

    public override bool Equals(object? obj) => obj is SourcePosition;

    public override int GetHashCode() => 0;
}
