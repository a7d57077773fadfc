using System.Collections.Immutable;
using System.Globalization;

namespace SyncEngine.IntegrationTests.Oracle;

/// <summary>
/// Draws transactions. Every value is written out, and every statement names what it touches, so that the same transactions in the same commit
/// order give the same rows.
/// </summary>
sealed class TransactionGenerator(Random random, ImmutableArray<Table> tables)
{
    public Transaction Next()
    {
        List<Statement> statements = [];
        var count = random.Chance(0.4) ? 1 : random.Next(2, 7);
        var savepoints = 0;
        for (var i = 0; i < count; i++)
        {
            if (random.Chance(0.12))
            {
                var name = $"s{++savepoints}";
                statements.Add(new Statement($"SAVEPOINT {name}"));
                statements.AddRange(On(random.Of(tables)));
                statements.Add(new Statement(random.Chance(0.6) ? $"ROLLBACK TO {name}" : $"RELEASE {name}"));
                continue;
            }

            statements.AddRange(On(random.Of(tables)));
        }

        return new Transaction(
            [.. statements.Select(statement => random.Chance(0.3) ? statement with { Pause = random.Next(1, 6) } : statement)],
            IsRolledBack: random.Chance(0.08));
    }

    private IEnumerable<Statement> On(Table table)
    {
        var choice = random.Next(100);
        return table.HasKey && choice < 70 ? OnKeys(table) : choice switch
        {
            < 40 => [Insert(table, random.Next(1, 4))],
            < 55 => [UpdateWhere(table)],
            < 70 => [DeleteWhere(table)],
            < 75 => [new Statement($"TRUNCATE {table.Name}", Whole(table))],
            < 85 => [Copy(table)],
            < 90 => [Many(table)],
            < 93 => [new Statement($"DELETE FROM {table.Name}", Whole(table))],
            // Written, but nothing is different.
            _ => [new Statement($"UPDATE {table.Name} SET {table.Columns[^1].Name} = {table.Columns[^1].Name}", Whole(table))],
        };
    }

    private IEnumerable<Statement> OnKeys(Table table)
    {
        var key = KeyOf(table);
        var other = KeyOf(table);
        var locks = Locks(table, key);
        switch (random.Next(12))
        {
            case 0 or 1 or 2:
                return [Insert(table, 1)];
            case 3:
                return [Insert(table, random.Next(2, 6))];
            case 4 or 5 or 6 when table.Columns.Length > table.KeyLength:
                return [new Statement($"UPDATE {table.Name} SET {Assignments(table)} WHERE {Is(table, key)}", locks)];
            case 7:
                return [new Statement($"DELETE FROM {table.Name} WHERE {Is(table, key)}", locks)];
            case 8:
                // Deleted and inserted again, in one transaction.
                return [new Statement($"DELETE FROM {table.Name} WHERE {Is(table, key)}", locks), InsertRow(table, key)];
            case 9:
                return [Rename(table, key, other)];
            case 10 when table.Identity == Identity.FullWithDeferredKey:
                var (first, second) = (Values(table, key), Values(table, other));
                return
                [
                    new Statement(
                        $"UPDATE {table.Name} SET ({Names(table)}) = ROW({string.Join(", ", table.Key.Select((column, i) => $"CASE WHEN {Is(table, key)} THEN {second[i]} ELSE {first[i]} END"))}) WHERE ({Is(table, key)}) OR ({Is(table, other)})",
                        Whole(table)),
                ];
            case 10:
                // A swap by way of a third key.
                var third = KeyOf(table);
                return [Rename(table, key, third), Rename(table, other, key), Rename(table, third, other)];
            default:
                return [new Statement($"UPDATE {table.Name} SET {table.Columns[^1].Name} = {table.Columns[^1].Name} WHERE {Is(table, key)}", locks)];
        }
    }

    private Statement Insert(Table table, int rows)
    {
        List<string[]> keys = [.. Enumerable.Range(0, rows).Select(_ => KeyOf(table))];
        return Insert(table, keys, keys.Select(key => Row(table, key)));
    }

    private Statement InsertRow(Table table, string[] key) => Insert(table, [key], [Row(table, key)]);

    private Statement Insert(Table table, List<string[]> keys, IEnumerable<string> rows)
    {
        var conflict = table.HasKey && table.Identity != Identity.FullWithDeferredKey && random.Chance(0.85) ? " ON CONFLICT DO NOTHING" : "";
        return new Statement($"INSERT INTO {random.Of(table.InsertTargets)} VALUES {string.Join(", ", rows)}{conflict}", [.. keys.SelectMany(key => Locks(table, key)).Distinct()]);
    }

    private Statement Rename(Table table, string[] from, string[] to)
    {
        var other = table.Columns.Length > table.KeyLength && random.Chance(0.4) ? ", " + Assignments(table) : "";
        var keys = string.Join(", ", table.Key.Select((column, i) => $"{column.Name} = {Sql.Literal(to[i], column.Type.Name)}"));
        return new Statement($"UPDATE {table.Name} SET {keys}{other} WHERE {Is(table, from)}", [.. Locks(table, from).Concat(Locks(table, to)).Distinct()]);
    }

    private Statement UpdateWhere(Table table)
    {
        var settable = table.Columns.Skip(table.KeyLength).ToList();
        if (settable.Count == 0)
        {
            return DeleteWhere(table);
        }

        return new Statement($"UPDATE {table.Name} SET {Assignments(table)} WHERE {Condition(table)}", Whole(table));
    }

    private Statement DeleteWhere(Table table) => new($"DELETE FROM {table.Name} WHERE {Condition(table)}", Whole(table));

    private Statement Copy(Table table)
    {
        List<string[]> keys = [.. Enumerable.Range(0, random.Next(1, 6)).Select(_ => KeyOf(table)).DistinctBy(key => string.Join('/', key))];
        return new Statement(
            $"COPY {table.Name} FROM STDIN",
            [.. keys.SelectMany(key => Locks(table, key)).Distinct()],
            [.. keys.Select(key => string.Join('\t', table.Columns.Select((column, i) => CopyText(i < key.Length ? key[i] : Value(column)))))],
            0);
    }

    /// <summary>A few hundred rows at once, from a range of keys of their own.</summary>
    private Statement Many(Table table)
    {
        if (table.HasKey && (table.KeyLength > 1 || table.Columns[0].Type.Name != "int4"))
        {
            return UpdateWhere(table);
        }

        if (table.HasKey && random.Chance(0.5))
        {
            return new Statement($"DELETE FROM {table.Name} WHERE k1 >= 1000", Whole(table));
        }

        var first = random.Next(1, 9) * 1000;
        var columns = table.Columns.Select((column, i) => i < table.KeyLength ? $"{first} + g" : Literal(column, Value(column)));
        return new Statement($"INSERT INTO {table.Name} SELECT {string.Join(", ", columns)} FROM generate_series(1, {random.Next(20, 300)}) AS g", Whole(table));
    }

    private string Condition(Table table)
    {
        var column = random.Of(table.Columns);
        return Value(column) is { } value ? $"{column.Name} = {Sql.Literal(value, column.Type.Name)}" : $"{column.Name} IS NULL";
    }

    private string Assignments(Table table)
    {
        var settable = table.Columns.Skip(table.KeyLength).ToList();
        return string.Join(", ", random.Some(settable, random.Next(1, Math.Min(3, settable.Count) + 1)).Select(column => $"{column.Name} = {Literal(column, Value(column))}"));
    }

    private string Row(Table table, string[] key) =>
        $"({string.Join(", ", table.Columns.Select((column, i) => Literal(column, i < key.Length ? key[i] : Value(column))))})";

    private string[] KeyOf(Table table) => [.. table.Key.Select(column => random.Of(column.Type.Values))];

    private string? Value(Column column) => !column.IsNotNull && random.Chance(0.2) ? null : random.Of(column.Type.Values);

    private static string Literal(Column column, string? value) => Sql.Literal(value, column.Type.Name);

    private static string[] Values(Table table, string[] key) => [.. table.Key.Select((column, i) => Sql.Literal(key[i], column.Type.Name))];

    private static string Names(Table table) => string.Join(", ", table.Key.Select(column => column.Name));

    private static string Is(Table table, string[] key) =>
        string.Join(" AND ", table.Key.Select((column, i) => $"{column.Name} = {Sql.Literal(key[i], column.Type.Name)}"));

    private static ImmutableArray<(int Table, string? Key)> Whole(Table table) => [(table.Number, null)];

    private static ImmutableArray<(int Table, string? Key)> Locks(Table table, string[] key) =>
        table.HasSingleKeys ? [(table.Number, string.Join('/', key))] : Whole(table);

    private static string CopyText(string? value) => value is null
        ? "\\N"
        : value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\t", "\\t", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
