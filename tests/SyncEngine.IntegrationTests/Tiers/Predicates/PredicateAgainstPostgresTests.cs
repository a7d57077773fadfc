using System.Text;
using Npgsql;
using SyncEngine.IntegrationTests.Values;
using SyncEngine.Tests.Tiers.SingleTable.Predicates;
using SyncEngine.Tiers.SingleTable.Predicates;
using SyncEngine.Values;
using Xunit;

namespace SyncEngine.IntegrationTests.Tiers.Predicates;

/// <summary>Generated conditions over generated rows: PostgreSQL's answer and ours, NULL included.</summary>
public sealed class PredicateAgainstPostgresTests(ValuesDatabase postgres) : IClassFixture<ValuesDatabase>
{
    private const int Seed = 15;
    private const int Rows = 60;
    private const int Conditions = 600;
    private const int ConditionsPerQuery = 60;

    /// <summary>Few values, so that they meet; two columns of each type, so that they can be compared.</summary>
    private static readonly (string Type, string[] Texts)[] types =
    [
        ("int4", ["-2", "0", "1", "7", "10"]),
        ("int8", ["-9223372036854775808", "0", "1", "7", "9223372036854775807"]),
        ("numeric", ["-Infinity", "-1.1", "0.00", "0", "1.10", "1.1", "7", "10.0", "NaN"]),
        ("text", ["", "A", "a", "a b", "é", "\uFFFD", "😀"]),
        ("uuid", ["00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-0000000000a0"]),
        ("date", ["-infinity", "0044-03-15 BC", "2020-02-29", "10000-01-01"]),
        ("timestamp", ["0044-03-15 10:00:00 BC", "2020-01-01 00:00:00", "2020-01-01 00:00:00.5", "infinity"]),
        ("timestamptz", ["0044-03-15 10:00:00+00 BC", "2020-01-01 00:00:00+00", "2020-01-01 00:00:00.5+00", "infinity"]),
        ("bool", ["t", "f"]),
    ];

    private static readonly int firstBoolean = (types.Length - 1) * 2;

    [Fact]
    public async Task Conditions_are_as_true_as_PostgreSQL_finds_them()
    {
        await using var connection = await postgres.Database.OpenConnectionAsync();
        var generator = new Generator(new RandomValues(Seed), await ComparersAsync(connection));
        var rows = Enumerable.Range(0, Rows).Select(_ => generator.Row()).ToArray();
        await CreateTableAsync(connection, rows);

        var seen = new HashSet<Truth>();
        for (var done = 0; done < Conditions; done += ConditionsPerQuery)
        {
            var conditions = Enumerable.Range(0, ConditionsPerQuery).Select(_ => generator.Condition(depth: 3)).ToArray();
            var answers = await AskAsync(connection, conditions);
            for (var row = 0; row < Rows; row++)
            {
                for (var i = 0; i < conditions.Length; i++)
                {
                    var (predicate, sql) = conditions[i];
                    var expected = answers[row][i];
                    var operands = generator.Operands;
                    Assert.True(Tuples.Evaluate(predicate, rows[row], operands) == expected, $"{sql} over row {row}: PostgreSQL says {expected}");
                    seen.Add(expected);

                    // Where a value is missing from the change, the answer is PostgreSQL's or none.
                    var partial = rows[row].Select(value => value is not null && generator.Hides() ? Tuples.Unchanged : value).ToArray();
                    var answer = Tuples.Evaluate(predicate, partial, operands);
                    Assert.True(answer == expected || answer == Truth.Undecidable, $"{sql} over a part of row {row}: {answer} instead of {expected}");
                    seen.Add(answer);
                }
            }
        }

        Assert.Equal(Enum.GetValues<Truth>().ToHashSet(), seen);
    }

    private static async Task<ValueComparer[]> ComparersAsync(NpgsqlConnection connection)
    {
        var comparers = new List<ValueComparer>();
        foreach (var (type, _) in types)
        {
            comparers.Add(ValueComparer.For(await CatalogTypes.ReadAsync(connection, type))!);
        }

        return [.. comparers];
    }

    private static async Task CreateTableAsync(NpgsqlConnection connection, string?[][] rows)
    {
        var columns = types.SelectMany((type, i) => new[] { i * 2, (i * 2) + 1 }.Select(column => $"c{column} {type.Type}{Collation(type.Type)}"));
        var sql = new StringBuilder($"CREATE TEMPORARY TABLE subject (id int PRIMARY KEY, {string.Join(", ", columns)});\n");
        for (var id = 0; id < rows.Length; id++)
        {
            sql.Append($"INSERT INTO subject VALUES ({id}, {string.Join(", ", rows[id].Select(value => value is null ? "NULL" : $"'{value}'"))});\n");
        }

        await using var command = new NpgsqlCommand(sql.ToString(), connection);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<Truth[][]> AskAsync(NpgsqlConnection connection, (Predicate, string Sql)[] conditions)
    {
        var columns = string.Join(",\n", conditions.Select(condition => condition.Sql));
        await using var command = new NpgsqlCommand($"SELECT {columns} FROM subject ORDER BY id", connection);
        await using var reader = await command.ExecuteReaderAsync();
        var answers = new List<Truth[]>();
        while (await reader.ReadAsync())
        {
            answers.Add([.. Enumerable.Range(0, conditions.Length).Select(i =>
                reader.IsDBNull(i) ? Truth.Unknown : TruthLogic.Of(reader.GetBoolean(i)))]);
        }

        return [.. answers];
    }

    private static string Collation(string type) => type == "text" ? " COLLATE \"C\"" : "";

    /// <summary>Draws rows and conditions; a condition comes as ours and as SQL.</summary>
    private sealed class Generator(RandomValues values, ValueComparer[] comparers)
    {
        private static readonly (ComparisonOperator Operator, string Sql)[] operators =
        [
            (ComparisonOperator.Equal, "="), (ComparisonOperator.NotEqual, "<>"), (ComparisonOperator.Less, "<"),
            (ComparisonOperator.Greater, ">"), (ComparisonOperator.LessOrEqual, "<="), (ComparisonOperator.GreaterOrEqual, ">="),
        ];

        private readonly List<string?> operands = [];

        public string?[] Operands => [.. operands];

        public string?[] Row() => [.. types.SelectMany(type => new[] { Text(type.Texts), Text(type.Texts) })];

        public bool Hides() => values.Below(3) == 0;

        public (Predicate Predicate, string Sql) Condition(int depth)
        {
            var not = values.Below(2) == 0;
            switch (depth == 0 ? values.Below(8) : values.Below(14))
            {
                case 0 or 1:
                    var (column, type) = Column();
                    var (@operator, symbol) = values.Pick<(ComparisonOperator, string)>(operators);
                    var (slot, literal) = Operand(type);
                    return (new Comparison(column, @operator, slot, comparers[type]), $"c{column} {symbol} {literal}");
                case 2:
                    (column, type) = Column();
                    (@operator, symbol) = values.Pick<(ComparisonOperator, string)>(operators);
                    return (new ColumnComparison(column, @operator, column ^ 1, comparers[type]), $"c{column} {symbol} c{column ^ 1}");
                case 3:
                    (column, type) = Column();
                    var list = Enumerable.Range(0, 1 + values.Below(4)).Select(_ => Operand(type)).ToArray();
                    return (new InList(column, [.. list.Select(item => item.Slot)], not, comparers[type]),
                        $"c{column} {Not(not)}IN ({string.Join(", ", list.Select(item => item.Sql))})");
                case 4:
                    (column, type) = Column();
                    var (low, high) = (Operand(type), Operand(type));
                    return (new Between(column, low.Slot, high.Slot, not, comparers[type]), $"c{column} {Not(not)}BETWEEN {low.Sql} AND {high.Sql}");
                case 5:
                    (column, _) = Column();
                    return (new NullTest(column, not), $"c{column} IS {Not(not)}NULL");
                case 6:
                    return Boolean();
                case 7:
                    var (constant, name) = values.Pick((Truth.True, "TRUE"), (Truth.False, "FALSE"), (Truth.Unknown, "NULL::bool"));
                    return (new Constant(constant), name);
                case 8:
                    var term = values.Below(2) == 0 ? Boolean() : Condition(depth - 1);
                    var (expected, word) = values.Pick((Truth.True, "TRUE"), (Truth.False, "FALSE"), (Truth.Unknown, "UNKNOWN"));
                    return (new BooleanTest(term.Predicate, expected, not), $"({term.Sql}) IS {Not(not)}{word}");
                case 9:
                    term = Condition(depth - 1);
                    return (new Not(term.Predicate), $"NOT ({term.Sql})");
                default:
                    var terms = Enumerable.Range(0, 2 + values.Below(2)).Select(_ => Condition(depth - 1)).ToArray();
                    Predicate connective = not ? new And([.. terms.Select(part => part.Predicate)]) : new Or(
                        [.. terms.Select(part => part.Predicate)]);
                    return (connective, "(" + string.Join(not ? " AND " : " OR ", terms.Select(part => $"({part.Sql})")) + ")");
            }
        }

        private (Predicate Predicate, string Sql) Boolean()
        {
            var column = firstBoolean + values.Below(2);
            return (new BooleanColumn(column), $"c{column}");
        }

        private (int Column, int Type) Column()
        {
            var column = values.Below(types.Length * 2);
            return (column, column / 2);
        }

        private (int Slot, string Sql) Operand(int type)
        {
            var (name, texts) = types[type];
            var text = Text(texts);
            operands.Add(text);
            return (operands.Count - 1, text is null ? $"NULL::{name}" : $"'{text}'::{name}");
        }

        private string? Text(string[] texts) => values.Below(6) == 0 ? null : values.Pick<string>(texts);

        private static string Not(bool isNegated) => isNegated ? "NOT " : "";
    }
}
