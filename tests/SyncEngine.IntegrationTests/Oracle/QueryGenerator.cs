using System.Collections.Immutable;
using System.Globalization;

namespace SyncEngine.IntegrationTests.Oracle;

/// <summary>
/// Draws queries: half of them a filter and a projection of one table, the others whatever else a SELECT can be. Where the answer could be one of
/// several, an order that decides is added.
/// </summary>
sealed class QueryGenerator(Random random, ImmutableArray<Table> tables, ImmutableArray<Table> tablesWithView)
{
    private readonly List<(string? Value, string Type)> parameters = [];

    public static string View(Random random, Table table)
    {
        var generator = new QueryGenerator(random, [table], []);
        return $"CREATE VIEW v{table.Number} AS SELECT * FROM {table.Name} WHERE {generator.Condition(table, "", mayUseParameters: false, depth: 1)}";
    }

    public Query Next()
    {
        parameters.Clear();
        var text = random.Chance(0.5) ? OneTable() : random.Next(17) switch
        {
            0 => Join("JOIN"),
            1 => Join(random.Of(["LEFT JOIN", "FULL JOIN", "RIGHT JOIN"])),
            2 or 3 => Grouped(),
            4 => Distinct(),
            5 => SetOperation(),
            6 or 7 or 8 => Ordered(),
            9 => Window(),
            10 => Subquery(),
            11 => CommonTable(),
            12 => Functions(),
            13 => Total(),
            14 => Failing(),
            15 => OfView(),
            _ => Series(),
        };
        return new Query(text, [.. parameters]);
    }

    private string OneTable()
    {
        var table = random.Of(tables);
        var (from, prefix) = random.Next(4) switch
        {
            0 => ($"{table.Name} AS x", "x."),
            1 => ($"public.{table.Name}", ""),
            2 when table.Shape == TableShape.Inherited => ($"ONLY {table.Name}", ""),
            _ => (table.Name, ""),
        };
        var where = random.Chance(0.9) ? " WHERE " + Condition(table, prefix, mayUseParameters: true, depth: random.Next(3)) : "";
        return $"SELECT {Columns(table, prefix)} FROM {from}{where}";
    }

    private string Columns(Table table, string prefix)
    {
        if (random.Chance(0.4))
        {
            return prefix + "*";
        }

        var some = random.Some(table.Columns, random.Next(1, table.Columns.Length + 1));
        if (table.HasKey && random.Chance(0.7))
        {
            some = [.. table.Key, .. some.Except(table.Key)];
        }

        return string.Join(", ", some.Select(column => random.Chance(0.1) ? $"{prefix}{column.Name} AS \"{column.Name} renamed\"" : prefix + column.Name));
    }

    private string Condition(Table table, string prefix, bool mayUseParameters, int depth)
    {
        if (depth > 0 && random.Chance(0.7))
        {
            var left = Condition(table, prefix, mayUseParameters, depth - 1);
            return random.Next(5) switch
            {
                0 => $"NOT ({left})",
                1 or 2 => $"({left}) OR ({Condition(table, prefix, mayUseParameters, depth - 1)})",
                _ => $"({left}) AND ({Condition(table, prefix, mayUseParameters, depth - 1)})",
            };
        }

        var column = random.Of(table.Columns);
        var name = prefix + column.Name;
        if (column.Type.Name == "bool" && random.Chance(0.5))
        {
            return random.Of([name, $"NOT {name}", $"{name} IS TRUE", $"{name} IS NOT FALSE", $"{name} IS UNKNOWN"]);
        }

        switch (random.Next(12))
        {
            case 0:
                return $"{name} IS NULL";
            case 1:
                return $"{name} IS NOT NULL";
            case 2:
                return $"{name} {random.Of(["IN", "NOT IN"])} ({string.Join(", ", Enumerable.Range(0, random.Next(1, 4)).Select(_ => Operand(column, mayUseParameters)))})";
            case 3:
                return $"{name} {random.Of(["BETWEEN", "NOT BETWEEN"])} {Operand(column, mayUseParameters)} AND {Operand(column, mayUseParameters)}";
            case 4:
                return $"{name} IS {random.Of(["", "NOT "])}DISTINCT FROM {Operand(column, mayUseParameters)}";
            case 5 when column.Type.IsText:
                return $"{name} LIKE {random.Of(["'a%'", "'%b'", "'_'", "'a\\%%'", "''"])}";
            case 6 when Comparable(table, column) is { } other:
                return $"{name} {random.Of(["=", "<>", "<", ">="])} {prefix}{other.Name}";
            case 7 when !column.Type.Name.Contains('[', StringComparison.Ordinal):
                return $"{name} = ANY (ARRAY[{Operand(column, mayUseParameters: false)}, {Operand(column, mayUseParameters: false)}])";
            case 8 or 9:
                return $"{name} {random.Of(["<>", "<", ">", "<=", ">="])} {Operand(column, mayUseParameters)}";
            default:
                return $"{name} = {Operand(column, mayUseParameters)}";
        }
    }

    private string Operand(Column column, bool mayUseParameters)
    {
        var value = random.Chance(0.1) ? null : random.Of(column.Type.Values);
        // A parameter that is JSON null is SQL's NULL; jsonb's own null can only be written as a literal.
        var hasOwnNull = column.Type.Name == "jsonb" && value == "null";
        if (mayUseParameters && random.Chance(0.5) && !hasOwnNull)
        {
            parameters.Add((value, column.Type.Name));
            return "$" + parameters.Count.ToString(CultureInfo.InvariantCulture);
        }

        return value is not null && column.Type.Name is "int4" or "text" && random.Chance(0.5)
            ? column.Type.Name == "int4" && value is not null ? value : Sql.Literal(value)
            : Sql.Literal(value, column.Type.Name);
    }

    private Column? Comparable(Table table, Column column) =>
        table.Columns.FirstOrDefault(other => other != column && other.Type.Sql == column.Type.Sql);

    private string Join(string kind)
    {
        var (left, right) = (random.Of(tables), random.Of(tables));
        var on = JoinCondition(left, right);
        var where = random.Chance(0.5) ? " WHERE " + Condition(left, "a.", mayUseParameters: true, depth: 1) : "";
        var columns = random.Chance(0.3) ? "*" : $"{Columns(left, "a.")}, {Columns(right, "b.")}";
        return $"SELECT {columns} FROM {left.Name} AS a {kind} {right.Name} AS b ON {on}{where}";
    }

    private static string JoinCondition(Table left, Table right)
    {
        var pairs = left.Columns.SelectMany(first => right.Columns.Where(second => second.Type.Sql == first.Type.Sql && !first.Type.IsLarge).Select(second => $"a.{first.Name} = b.{second.Name}")).ToList();
        // FULL JOIN wants a condition that hashes.
        return pairs.Count > 0 ? pairs[0] : "hashtext(to_jsonb(a.*)::text) % 2 = hashtext(to_jsonb(b.*)::text) % 2";
    }

    private string Grouped()
    {
        var table = random.Of(tables);
        var by = random.Of(table.Columns);
        var measure = table.Columns.FirstOrDefault(column => column.Type.IsInteger);
        var aggregates = measure is null ? "count(*)" : random.Of([$"count({measure.Name}), sum({measure.Name})", $"min({measure.Name}), max({measure.Name})", $"avg({measure.Name})", $"array_agg({measure.Name} ORDER BY {measure.Name})"]);
        var having = random.Chance(0.3) ? " HAVING count(*) > 1" : "";
        return $"SELECT {by.Name}, count(*) AS rows, {aggregates} FROM {table.Name} GROUP BY {by.Name}{having}";
    }

    private string Total()
    {
        var table = random.Of(tables);
        return $"SELECT count(*), count({random.Of(table.Columns).Name}) AS some, bool_or({table.Columns[0].Name} IS NULL) FROM {table.Name} WHERE {Condition(table, "", true, 1)}";
    }

    private string Distinct()
    {
        var table = random.Of(tables);
        return $"SELECT DISTINCT {string.Join(", ", random.Some(table.Columns, random.Next(1, 3)).Select(column => column.Name))} FROM {table.Name}";
    }

    private string SetOperation()
    {
        var (left, right) = (random.Of(tables), random.Of(tables));
        var pair = left.Columns.SelectMany(first => right.Columns.Where(second => second.Type.Sql == first.Type.Sql && second.Type.HasOneText).Select(second => (first, second))).ToList();
        if (pair.Count == 0)
        {
            return Distinct();
        }

        var (one, two) = random.Of(pair);
        var operation = random.Of(["UNION", "UNION ALL", "EXCEPT", "EXCEPT ALL", "INTERSECT", "INTERSECT ALL"]);
        return $"SELECT {one.Name} FROM {left.Name} WHERE {Condition(left, "", true, 0)} {operation} SELECT {two.Name} FROM {right.Name}";
    }

    private string Ordered()
    {
        var table = random.Of(tables);
        var first = random.Of(table.Columns);
        var order = $"{first.Name} {random.Of(["", "DESC", "NULLS FIRST", "DESC NULLS LAST"])}, {TotalOrder(table)}";
        var limit = random.Next(3) switch { 0 => $" LIMIT {random.Next(0, 6)}", 1 => $" LIMIT {random.Next(1, 5)} OFFSET {random.Next(0, 4)}", _ => "" };
        var where = random.Chance(0.5) ? " WHERE " + Condition(table, "", true, 1) : "";
        return $"SELECT {Columns(table, "")} FROM {table.Name}{where} ORDER BY {order}{limit}";
    }

    private string Window()
    {
        var table = random.Of(tables);
        var by = random.Of(table.Columns).Name;
        return $"SELECT {table.Columns[0].Name}, row_number() OVER (ORDER BY {TotalOrder(table)}), count(*) OVER (PARTITION BY {by}) AS peers FROM {table.Name}";
    }

    private string Subquery()
    {
        var (outer, inner) = (random.Of(tables), random.Of(tables));
        var pair = outer.Columns.SelectMany(first => inner.Columns.Where(second => second.Type.Sql == first.Type.Sql).Select(second => (first, second))).ToList();
        if (pair.Count == 0)
        {
            return $"SELECT {Columns(outer, "a.")}, (SELECT count(*) FROM {inner.Name}) AS others FROM {outer.Name} AS a";
        }

        var (one, two) = random.Of(pair);
        var select = $"SELECT {Columns(outer, "a.")} FROM {outer.Name} AS a WHERE ";
        return select + random.Next(3) switch
        {
            0 => $"a.{one.Name} {random.Of(["IN", "NOT IN"])} (SELECT b.{two.Name} FROM {inner.Name} AS b WHERE {Condition(inner, "b.", true, 0)})",
            1 => $"{random.Of(["", "NOT "])}EXISTS (SELECT FROM {inner.Name} AS b WHERE b.{two.Name} = a.{one.Name})",
            _ => $"(SELECT count(*) FROM {inner.Name} AS b WHERE b.{two.Name} = a.{one.Name}) > 1",
        };
    }

    private string CommonTable()
    {
        var table = random.Of(tables);
        var column = random.Of(table.Columns).Name;
        return $"WITH some AS (SELECT {column} AS x, count(*) AS n FROM {table.Name} GROUP BY 1), all_rows AS (SELECT count(*) AS n FROM {table.Name}) SELECT some.n, all_rows.n AS total FROM some, all_rows";
    }

    private string Functions()
    {
        var table = random.Of(tables);
        var columns = random.Some(table.Columns, 2).Select(column => column.Type switch
        {
            { IsText: true } => random.Of([$"upper({column.Name})", $"length({column.Name})", $"{column.Name} || '!' AS loud", $"md5({column.Name})"]),
            { IsInteger: true } => random.Of([$"coalesce({column.Name}, -7)", $"{column.Name}::numeric", $"CASE WHEN {column.Name} > 1 THEN 'many' ELSE 'few' END AS amount", $"{column.Name}::int8 + 1 AS next"]),
            { Name: "timestamptz" } => random.Of([$"{column.Name}::date", $"extract(epoch FROM {column.Name})"]),
            { Name: "numeric" } => $"round({column.Name}) AS rounded",
            _ => $"{column.Name}::text",
        });
        var key = string.Concat(table.Key.Select(column => column.Name + ", "));
        return $"SELECT {key}{string.Join(", ", columns)} FROM {table.Name} WHERE {Condition(table, "", true, 1)}";
    }

    /// <summary>Fails whenever some row has a zero.</summary>
    private string Failing()
    {
        var candidates = tables.SelectMany(table => table.Columns.Where(column => column.Type.IsInteger).Select(column => (table, column))).ToList();
        if (candidates.Count == 0)
        {
            return Total();
        }

        var (from, divisor) = random.Of(candidates);
        return $"SELECT 10 / {divisor.Name} AS share FROM {from.Name}";
    }

    private string OfView()
    {
        if (tablesWithView.IsEmpty)
        {
            return OneTable();
        }

        var table = random.Of(tablesWithView);
        return $"SELECT {Columns(table, "")} FROM v{table.Number} WHERE {Condition(table, "", true, 1)}";
    }

    private string Series()
    {
        var table = random.Of(tables);
        return random.Next(3) switch
        {
            0 => "VALUES (1, 'one'), (2, NULL)",
            1 => $"SELECT g, (SELECT count(*) FROM {table.Name}) AS rows FROM generate_series(1, 3) AS g",
            _ => $"WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < (SELECT least(count(*), 5) FROM {table.Name})) SELECT i FROM r",
        };
    }

    /// <summary>Decides between any two rows that differ in their text.</summary>
    private static string TotalOrder(Table table) => table.HasKey && table.Shape != TableShape.Inherited
        ? string.Join(", ", table.Key.Select(column => column.Name))
        : string.Join(", ", table.Columns.Select(column => $"{column.Name}::text"));
}
