using System.Collections.Immutable;

namespace SyncEngine.IntegrationTests.Oracle;

/// <summary>A type and a tiny domain of it, so that rows meet and equal values abound.</summary>
/// <param name="Values">Texts that the type's input takes.</param>
sealed record ColumnType(string Sql, ImmutableArray<string> Values)
{
    public string Name => Sql.Split(" COLLATE")[0];

    public bool IsInteger => Name is "int2" or "int4" or "int8";

    public bool IsText => Name is "text" or "varchar(10)" && !IsLarge;

    public bool IsLarge => Values.Any(value => value.Length > 1000);

    /// <summary>Equal values have the same text, so grouping shows one answer only.</summary>
    public bool HasOneText => Name is not ("numeric" or "float8" or "jsonb" or "char(3)");
}

/// <summary>The types that tables are made of.</summary>
static class DomainOfTypes
{
    public static readonly ImmutableArray<string> Setup = ["CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')"];

    /// <summary>For keys: a few more values than elsewhere, all distinct.</summary>
    public static readonly ImmutableArray<ColumnType> Keys =
    [
        new("int4", ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"]),
        new("int8", ["0", "1", "2", "3", "4", "9007199254740993", "-9223372036854775808", "7", "8", "9"]),
        new("text", ["", "a", "b", "B", "é", "k\"1", "k\\2", "a b", "'", "😀", "\ufffd"]),
        new("text COLLATE \"C\"", ["a", "b", "B", "é", "ab", "a b", "_", "z"]),
        new("uuid", ["00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002", "a0000000-0000-0000-0000-000000000003", "ffffffff-0000-0000-0000-000000000004"]),
        new("numeric", ["0", "1", "1.5", "-2", "10.25", "NaN", "12345678901234567890.123"]),
        new("date", ["2024-01-01", "2024-02-29", "1999-12-31", "infinity", "0044-03-15 BC"]),
        new("varchar(10)", ["x", "y", "z", "X", "x "]),
        new("mood", ["sad", "ok", "happy"]),
        new("timestamptz", ["2024-01-01 00:00:00+00", "2024-03-31 01:30:00.000001+00", "2024-06-01 12:00:00+02", "-infinity"]),
    ];

    public static readonly ImmutableArray<ColumnType> Values =
    [
        new("int4", ["0", "1", "2", "3"]),
        new("int4", ["-1", "0", "2", "2147483647"]),
        new("int2", ["-1", "0", "1", "2"]),
        new("int8", ["0", "1", "2", "9007199254740993"]),
        new("text", ["", "a", "b", "B", "é", "a%b", "A"]),
        new("text COLLATE \"C\"", ["", "a", "ab", "B", "é", "\ufffd", "😀"]),
        new("varchar(10)", ["", "x", "y", "x "]),
        new("bool", ["true", "false"]),
        new("uuid", ["00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"]),
        new("numeric", ["0", "1.0", "1.00", "2.5", "-1", "NaN", "Infinity"]),
        new("date", ["2024-01-01", "2024-02-29", "infinity"]),
        new("timestamp", ["2024-01-01 00:00:00", "2024-02-29 23:59:59.999999", "-infinity"]),
        new("timestamptz", ["2024-01-01 00:00:00+00", "2024-01-01 02:00:00+02", "2024-03-31 01:30:00.5+00"]),
        new("float8", ["0", "-0", "1.5", "1e20", "NaN", "1e-7"]),
        new("jsonb", ["{}", "{\"a\": 1}", "[1, 2.0]", "null", "\"é\\\"\""]),
        new("mood", ["sad", "ok", "happy"]),
        new("int4[]", ["{}", "{1}", "{1,NULL}", "{2,3}", "[0:1]={4,5}"]),
        new("int8[]", ["{}", "{9007199254740993,1}", "{{1,2},{3,4}}"]),
        new("text[]", ["{}", "{a,NULL,\"NULL\",\"x y\"}"]),
        new("char(3)", ["a", "ab", "abc"]),
        new("bytea", ["\\x", "\\x00ff"]),
        new("interval", ["1 mon", "30 days", "00:00:01.5"]),
        new("time", ["00:00:00", "23:59:59.5", "24:00:00"]),
        // Too large to stay in the row.
        new("text", [new('x', 3000), new('y', 3001), "small"]),
    ];
}
