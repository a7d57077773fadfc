using System.Collections;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace SyncEngine.Sql.Syntax;

/// <summary>An immutable list that is equal to another when its items are.</summary>
[CollectionBuilder(typeof(SyntaxList), nameof(SyntaxList.Create))]
public sealed class SyntaxList<T>(ImmutableArray<T> items) : IReadOnlyList<T>, IEquatable<SyntaxList<T>>
{
    public int Count => items.Length;

    public T this[int index] => items[index];

    public bool Equals(SyntaxList<T>? other) => other is not null && items.SequenceEqual(other);

    public override bool Equals(object? obj) => Equals(obj as SyntaxList<T>);

    public override int GetHashCode()
    {
        var hash = default(HashCode);
        foreach (var item in items)
        {
            hash.Add(item);
        }

        return hash.ToHashCode();
    }

    public IEnumerator<T> GetEnumerator() => ((IEnumerable<T>)items).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public override string ToString() => $"[{string.Join(", ", items)}]";
}

public static class SyntaxList
{
    public static SyntaxList<T> Create<T>(ReadOnlySpan<T> items) => new([.. items]);
}
