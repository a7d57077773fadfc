using System.Collections.Immutable;

namespace SyncEngine.Tests.Simulation;

/// <summary>Draws what one transaction does: plain writes, and the ones that are easy to get wrong.</summary>
sealed class RandomChanges(Random random)
{
    private const int Ids = 12;

    /// <param name="mayTouch">True when the transaction may write the key: no other one has its lock.</param>
    /// <param name="mayTruncate">True when no transaction has a lock on the table.</param>
    public List<ModelChange> Draw(ModelTable table, ImmutableSortedDictionary<int, ModelRow> rows, Func<int, bool> mayTouch, bool mayTruncate)
    {
        List<ModelChange> changes = [];
        void Do(ModelRow? old, ModelRow? @new)
        {
            var change = new ModelChange(table, old, @new);
            changes.Add(change);
            rows = change.ApplyTo(rows);
        }

        var count = 1 + random.Next(4);
        for (var i = 0; i < count; i++)
        {
            var id = 1 + random.Next(Ids);
            if (!mayTouch(id))
            {
                continue;
            }

            if (mayTruncate && random.Next(40) == 0)
            {
                Do(null, null);
                continue;
            }

            if (!rows.TryGetValue(id, out var row))
            {
                Do(null, Row(id));
                continue;
            }

            switch (random.Next(8))
            {
                case 0:
                    Do(row, null);
                    break;
                case 1:
                    Do(row, null);
                    Do(null, random.Next(2) == 0 ? row : Row(id));
                    break;
                case 2:
                    Do(row, row);
                    break;
                case 3:
                    var free = 1 + random.Next(Ids);
                    if (!rows.ContainsKey(free) && mayTouch(free))
                    {
                        Do(row, row with { Id = free });
                    }

                    break;
                case 4:
                    // Two rows change keys by way of a third.
                    var other = 1 + random.Next(Ids);
                    if (other != id && mayTouch(other) && rows.TryGetValue(other, out var second))
                    {
                        Do(row, row with { Id = Ids + 1 });
                        Do(second, second with { Id = id });
                        Do(row with { Id = Ids + 1 }, row with { Id = other });
                    }

                    break;
                case 5:
                    Do(row, row with { Room = Room() });
                    break;
                case 6:
                    Do(row, row with { Score = Score() });
                    break;
                default:
                    Do(row, Row(id));
                    break;
            }
        }

        return changes;
    }

    private ModelRow Row(int id) => new(id, Room(), Score(), random.Next(5) switch { 0 => null, 1 => "T1", 2 => "T2", 3 => "a", _ => "b" });

    private int? Room() => random.Next(6) is var room && room > 0 ? room % 4 : null;

    private int? Score() => random.Next(6) is var score && score > 0 ? score : null;
}
