using System.Collections.Immutable;
using System.Text.Json;
using SyncEngine.Errors;
using SyncEngine.Postgres.Administration;

namespace SyncEngine.Server.Options;

/// <summary>A query that clients call by its name.</summary>
/// <param name="Parameters">The names of $1, $2 … in order.</param>
sealed record NamedQuery(string Name, string Sql, ImmutableArray<string> Parameters);

/// <summary>The named queries of the configuration and of the <c>queries</c> folder.</summary>
/// <remarks>A file is <c>name.sql</c>; its first line may be <c>-- params: room, limit</c>, which names $1 and $2.</remarks>
sealed class NamedQueries
{
    private const string ParametersPrefix = "-- params:";

    private static readonly JsonElement nothing = JsonElement.Parse("null");

    private readonly Dictionary<string, NamedQuery> byName;

    private NamedQueries(Dictionary<string, NamedQuery> byName) => this.byName = byName;

    public IReadOnlyCollection<NamedQuery> All => byName.Values;

    /// <exception cref="OperatorException">A query without SQL, with a repeated parameter, or defined twice.</exception>
    public static NamedQueries Load(QueryOptions options, string contentRoot)
    {
        var byName = new Dictionary<string, NamedQuery>(StringComparer.Ordinal);
        foreach (var (name, named) in options.Named)
        {
            Add(byName, new NamedQuery(name, named.Sql, [.. named.Parameters]), $"{QueryOptions.Section}:Named:{name}");
        }

        var folder = Path.Combine(contentRoot, options.Directory);
        foreach (var file in Directory.Exists(folder) ? Directory.GetFiles(folder, "*.sql") : [])
        {
            Add(byName, Read(Path.GetFileNameWithoutExtension(file), File.ReadAllText(file)), file);
        }

        return new NamedQueries(byName);
    }

    internal static NamedQuery Read(string name, string text)
    {
        var lineEnd = text.AsSpan().IndexOfAny('\r', '\n');
        var firstLine = (lineEnd < 0 ? text : text.AsSpan(0, lineEnd)).Trim();
        var parameters = firstLine.StartsWith(ParametersPrefix, StringComparison.OrdinalIgnoreCase)
            ? firstLine[ParametersPrefix.Length..].ToString()
            : "";
        const StringSplitOptions Names = StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries;
        return new NamedQuery(name, text, [.. parameters.Split(',', Names)]);
    }

    /// <summary>The query's SQL, and the given values in the order of $1, $2 …; a parameter that is not given is null.</summary>
    /// <param name="parameters">An object by parameter name, or an array in order; default or null for none.</param>
    /// <exception cref="SyncException">There is no such query, or no such parameter.</exception>
    public (string Sql, IReadOnlyList<JsonElement> Values) Resolve(string name, JsonElement parameters)
    {
        if (!byName.TryGetValue(name, out var query))
        {
            throw new SyncException(
                ErrorCode.InvalidRequest,
                $"there is no named query \"{name}\"",
                hint: "Named queries come from SyncEngine:Queries:Named and from the files of SyncEngine:Queries:Directory.");
        }

        var values = Enumerable.Repeat(nothing, query.Parameters.Length).ToArray();
        switch (parameters.ValueKind)
        {
            case JsonValueKind.Undefined or JsonValueKind.Null:
                break;
            case JsonValueKind.Array when parameters.GetArrayLength() == values.Length:
                parameters.EnumerateArray().ToArray().CopyTo(values, 0);
                break;
            case JsonValueKind.Object:
                foreach (var given in parameters.EnumerateObject())
                {
                    var at = query.Parameters.IndexOf(given.Name);
                    values[at >= 0 ? at : throw Mismatch(query, $"has no parameter \"{given.Name}\"")] = given.Value;
                }

                break;
            default:
                throw Mismatch(query, "takes its parameters as an object by name, or all of them as an array");
        }

        return (query.Sql, values);
    }

    private static SyncException Mismatch(NamedQuery query, string text) => new(
        ErrorCode.InvalidRequest,
        $"the named query \"{query.Name}\" {text}",
        hint: query.Parameters.Length == 0 ? "It has no parameters." : $"Its parameters are {string.Join(", ", query.Parameters)}.");

    private static void Add(Dictionary<string, NamedQuery> byName, NamedQuery query, string source)
    {
        if (string.IsNullOrWhiteSpace(query.Sql))
        {
            throw new OperatorException($"{source} has no SQL");
        }

        if (query.Parameters.Distinct(StringComparer.Ordinal).Count() != query.Parameters.Length)
        {
            throw new OperatorException($"{source} names a parameter twice");
        }

        if (!byName.TryAdd(query.Name, query))
        {
            throw new OperatorException($"{source} defines the named query \"{query.Name}\" a second time");
        }
    }
}
