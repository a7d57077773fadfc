using System.Diagnostics.CodeAnalysis;

namespace SyncEngine.Sql;

/// <summary>Why a query is left to PostgreSQL.</summary>
/// <param name="Reason">A clause for the plan: "joins are answered by PostgreSQL".</param>
/// <param name="Position">Where in the text as sent, when one place is to blame.</param>
public sealed record NotCovered(string Reason, int? Position);

/// <summary>Either what the incremental tier understood of a query, or why it leaves it to PostgreSQL. Never an error: that is PostgreSQL's to say.</summary>
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

/// <summary>Leaves a parser or binder from any depth; caught where it began and never seen outside.</summary>
sealed class NotCoveredException(string reason, int? position) : Exception(reason)
{
    public NotCovered Refusal { get; } = new(reason, position);
}
