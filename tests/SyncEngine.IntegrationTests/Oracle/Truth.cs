using System.Data;
using System.Globalization;
using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using SyncEngine.IntegrationTests.Client;

namespace SyncEngine.IntegrationTests.Oracle;

/// <summary>
/// PostgreSQL's answer to one query in one state: rows as canonical JSON arrays (sorted by text where the query does not order), or its
/// error.
/// </summary>
sealed record Answer(string[] Rows, string? SqlState)
{
    public bool Fails => SqlState is not null;
}

/// <summary>
/// Asks PostgreSQL. Values become JSON as docs/PROTOCOL.md, section 4, has them by PostgreSQL's own <c>to_json</c>, and answers are
/// compared first by text, and where that
/// differs by PostgreSQL's own equality.
/// </summary>
sealed class QueryOracle
{
    private const string Settings = "-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=postgres -c extra_float_digits=1 -c bytea_output=hex";

    private readonly Dictionary<string, string[]> typesOf = new(StringComparer.Ordinal);

    /// <summary>A session whose values print as the engine's do.</summary>
    public static async Task<NpgsqlConnection> ConnectAsync(TestDatabase database)
    {
        var address = new NpgsqlConnectionStringBuilder(database.ConnectionString) { Options = Settings, Pooling = false };
        var connection = new NpgsqlConnection(address.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    /// <summary>True when PostgreSQL accepts the query.</summary>
    public async Task<bool> IsLegalAsync(NpgsqlConnection connection, Query query)
    {
        try
        {
            await TypesAsync(connection, query);
            return true;
        }
        catch (PostgresException)
        {
            return false;
        }
    }

    public async Task<Answer> AskAsync(NpgsqlConnection connection, Query query)
    {
        var types = await TypesAsync(connection, query);
        var values = types.Select((type, i) => AsJson($"c{i}", type));
        var sql = $"SELECT json_build_array({string.Join(", ", values)})::text FROM ({query.LiteralText}) AS q({string.Join(", ", types.Select((_, i) => $"c{i}"))})";
        try
        {
            await using var command = new NpgsqlCommand(sql, connection);
            await using var reader = await command.ExecuteReaderAsync();
            List<string> rows = [];
            while (await reader.ReadAsync())
            {
                using var row = JsonDocument.Parse(reader.GetString(0));
                rows.Add(StrictResult.Canonical(row.RootElement));
            }

            return new Answer(IsOrdered(query) ? [.. rows] : [.. rows.Order(StringComparer.Ordinal)], null);
        }
        catch (PostgresException failed) when (failed.SqlState is PostgresErrorCodes.DivisionByZero or PostgresErrorCodes.NumericValueOutOfRange)
        {
            return new Answer([], failed.SqlState);
        }
    }

    /// <summary>Compares two answers to a query: null when they are equal, else the difference.</summary>
    public async Task<string?> DifferenceAsync(NpgsqlConnection connection, Query query, string[] expected, string[] actual)
    {
        if (expected.AsSpan().SequenceEqual(actual))
        {
            return null;
        }

        if (!IsOrdered(query))
        {
            var types = await TypesAsync(connection, query);
            var record = string.Join(", ", types.Select((type, i) => $"c{i} {type}"));
            var sql = $"""
                WITH expected AS (SELECT * FROM jsonb_to_recordset(@expected) AS r({record})), actual AS (SELECT * FROM jsonb_to_recordset(@actual) AS r({record}))
                SELECT (SELECT count(*) FROM (SELECT * FROM expected EXCEPT ALL SELECT * FROM actual) AS missing)
                     + (SELECT count(*) FROM (SELECT * FROM actual EXCEPT ALL SELECT * FROM expected) AS surplus)
                """;
            await using var command = new NpgsqlCommand(sql, connection);
            command.Parameters.Add(new NpgsqlParameter("expected", NpgsqlDbType.Jsonb) { Value = AsRecords(expected) });
            command.Parameters.Add(new NpgsqlParameter("actual", NpgsqlDbType.Jsonb) { Value = AsRecords(actual) });
            if ((long)(await command.ExecuteScalarAsync())! == 0)
            {
                return null;
            }
        }

        var missing = Minus(expected, actual);
        var surplus = Minus(actual, expected);
        return missing.Count + surplus.Count == 0
            ? $"the order is {Some(actual)} where it should be {Some(expected)}"
            : $"missing {Some(missing)}, surplus {Some(surplus)} (of {expected.Length} rows)";
    }

    public static bool IsOrdered(Query query)
    {
        var depth = 0;
        for (var i = 0; i < query.Text.Length; i++)
        {
            depth += query.Text[i] switch { '(' => 1, ')' => -1, _ => 0 };
            if (depth == 0 && query.Text.AsSpan(i).StartsWith("ORDER BY", StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    private async Task<string[]> TypesAsync(NpgsqlConnection connection, Query query)
    {
        if (!typesOf.TryGetValue(query.LiteralText, out var types))
        {
            await using var command = new NpgsqlCommand(query.LiteralText, connection);
            await using var reader = await command.ExecuteReaderAsync(CommandBehavior.SchemaOnly);
            types = [.. Enumerable.Range(0, reader.FieldCount).Select(reader.GetDataTypeName)];
            typesOf.Add(query.LiteralText, types);
        }

        return types;
    }

    private static string AsJson(string column, string type) => type.Split('(')[0] switch
    {
        "bigint" or "numeric" => $"{column}::text",
        "bigint[]" or "numeric[]" => $"{column}::text[]",
        _ => column,
    };

    private static string AsRecords(string[] rows) =>
        $"[{string.Join(", ", rows.Select(row =>
        {
            using var values = JsonDocument.Parse(row);
            return $"{{{string.Join(", ", values.RootElement.EnumerateArray().Select((value, i) => $"\"c{i}\": {value.GetRawText()}"))}}}";
        }))}]";

    private static List<string> Minus(string[] from, string[] what)
    {
        var left = what.CountBy(row => row).ToDictionary();
        List<string> rest = [];
        foreach (var row in from)
        {
            if (left.TryGetValue(row, out var count) && count > 0)
            {
                left[row] = count - 1;
            }
            else
            {
                rest.Add(row);
            }
        }

        return rest;
    }

    private static string Some(IReadOnlyCollection<string> rows) =>
        $"[{string.Join(", ", rows.Take(8).Select(row => row.Length > 200 ? row[..200] + "…" : row))}{(rows.Count > 8 ? string.Create(CultureInfo.InvariantCulture, $", … {rows.Count} in all") : "")}]";
}

/// <summary>The answers to every query after every commit, by the position at which the commit ended.</summary>
sealed class Truth(Answer[] before)
{
    private readonly List<(ulong End, Answer[] Answers)> commits = [(0, before)];
    private readonly List<string> order = [];

    /// <summary>The commits in their order, for a report.</summary>
    public IReadOnlyList<string> Order => order;

    public int CommitCount => commits.Count - 1;

    public Answer[] Last => commits[^1].Answers;

    public ulong LastEnd => commits[^1].End;

    /// <param name="end">Above that of every commit added before.</param>
    public void Add(ulong end, ulong xid, int transaction, Answer[] answers)
    {
        order.Add($"transaction {transaction} (xid {xid}) ends at {StrictResult.Text(end)}");
        if (end <= LastEnd)
        {
            throw new InvalidOperationException($"commit order is broken: {StrictResult.Text(end)} after {StrictResult.Text(LastEnd)}");
        }

        for (var i = 0; i < answers.Length; i++)
        {
            // Shared while nothing changes, so that comparing and keeping are cheap.
            if (Last[i].SqlState == answers[i].SqlState && Last[i].Rows.AsSpan().SequenceEqual(answers[i].Rows))
            {
                answers[i] = Last[i];
            }
        }

        commits.Add((end, answers));
    }

    /// <summary>The answer as of a cut: after the last commit that ended at or below it.</summary>
    public Answer At(ulong cut, int query)
    {
        int low = 0, high = commits.Count;
        while (high - low > 1)
        {
            var middle = (low + high) / 2;
            if (commits[middle].End <= cut)
            {
                low = middle;
            }
            else
            {
                high = middle;
            }
        }

        return commits[low].Answers[query];
    }
}
