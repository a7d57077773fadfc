using System.Text;
using SyncEngine.Tiers;
using SyncEngine.Values;
using Xunit;

namespace SyncEngine.Tests.Tiers;

/// <summary>A client's rows, changed by the letter of the contract; every list of a diff is checked before it is applied.</summary>
sealed class ResultRowsModel
{
    public List<EncodedRow> Rows { get; private set; } = [];

    public static EncodedRow Row(int key, int value) => new(Key(key), Encoding.ASCII.GetBytes($"[{key},{value}]"));

    public static RowKey Key(int key) => new(Encoding.ASCII.GetBytes($"[{key}]"));

    public void Set(IEnumerable<EncodedRow> rows) => Rows = [.. rows];

    /// <param name="isNet">Of several diffs: an updated row may be equal.</param>
    public void Apply(RowDiff diff, bool isNet = false)
    {
        var all = diff.Added.Select(row => row.Key).Concat(diff.Updated.Select(row => row.Key)).Concat(diff.Removed).ToList();
        Assert.Equal(all.Count, all.Distinct().Count());
        Assert.All(diff.Added, row => Assert.DoesNotContain(Rows, known => known.Key.Equals(row.Key)));
        Assert.All(diff.Removed, key => Assert.Contains(Rows, known => known.Key.Equals(key)));
        Assert.All(diff.Updated, row => Assert.Contains(Rows, known => known.Key.Equals(row.Key)));
        if (!isNet && !diff.IsOrdered)
        {
            Assert.All(diff.Updated, row => Assert.DoesNotContain(Rows, known => known.Json.AsSpan().SequenceEqual(row.Json)));
        }

        Rows.RemoveAll(row => all.Contains(row.Key));
        if (!diff.IsOrdered)
        {
            Rows.AddRange(diff.Added.Concat(diff.Updated));
            return;
        }

        foreach (var (row, at) in diff.Added.Zip(diff.AddedAt!).Concat(diff.Updated.Zip(diff.UpdatedAt!)).OrderBy(placed => placed.Second))
        {
            Rows.Insert(at, row);
        }
    }

    public static IEnumerable<string> Texts(IEnumerable<EncodedRow> rows, bool isOrdered)
    {
        var texts = rows.Select(row => Encoding.ASCII.GetString(row.Json));
        return isOrdered ? texts : texts.Order(StringComparer.Ordinal);
    }
}
