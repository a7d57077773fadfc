using System.Diagnostics.CodeAnalysis;

namespace SyncEngine.Sql;

/// <summary>The reason why a query is left to PostgreSQL.</summary>
/// <param name="Reason">A clause for the plan: "joins are answered by PostgreSQL".</param>
/// <param name="Position">The position in the text as sent, when one place is the cause.</param>
public sealed record NotCovered(string Reason, int? Position);

/// <summary>
/// The engine's reading of a query, or the reason why it leaves the query to PostgreSQL. Never an error: PostgreSQL reports those.
/// </summary>
public readonly struct Coverage<T>
    where T : class
{
    private Coverage(T? value, NotCovered? refusal) => (Value, Refusal) = (value, refusal);

    public T? Value { get; }

    public NotCovered? Refusal { get; }

    public static implicit operator Coverage<T>(T value) => new(value, null);

    public static implicit operator Coverage<T>(NotCovered refusal) => new(null, refusal);

    public bool IsCovered([NotNullWhen(true)] out T? value, [NotNullWhen(false)] out NotCovered? refusal)
    {
        (value, refusal) = (Value, Refusal);
        return value is not null;
    }
}

/// <summary>Leaves a parser or binder from any depth. It is caught where the reading began.</summary>
sealed class NotCoveredException(string reason, int? position) : Exception(reason)
{
    public NotCovered Refusal { get; } = new(reason, position);
}
