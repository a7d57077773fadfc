using SyncEngine.Catalog;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Ports;
using SyncEngine.Values;

namespace SyncEngine.Tests.Planning;

/// <summary>A PostgreSQL that gives the description it is set to, and counts the questions.</summary>
sealed class RecordingAnalyst(QueryDescription description) : IQueryAnalyst
{
    public QueryDescription Description { get; set; } = description;

    public List<(string Sql, Principal Principal)> Described { get; } = [];

    public List<string?> Canonicalised { get; } = [];

    public Action? OnDescribe { get; set; }

    /// <summary>Thrown for values that need PostgreSQL.</summary>
    public SyncException? RefusedValue { get; set; }

    /// <summary>Thrown by the next descriptions, one each.</summary>
    public Queue<SyncException> Refusals { get; } = [];

    public Task<QueryDescription> DescribeAsync(
        string sql, IReadOnlyList<FunctionCall> functions, Principal principal, CancellationToken cancellationToken)
    {
        Described.Add((sql, principal));
        OnDescribe?.Invoke();
        return Refusals.TryDequeue(out var refusal) ? Task.FromException<QueryDescription>(refusal) : Task.FromResult(Description);
    }

    public Task<IReadOnlyList<string?>> CanonicaliseAsync(
        IReadOnlyList<(SqlType Type, string? Text)> values, Principal principal, CancellationToken cancellationToken)
    {
        Canonicalised.AddRange(values.Select(value => value.Text));
        return RefusedValue is { } refusal
            ? Task.FromException<IReadOnlyList<string?>>(refusal)
            : Task.FromResult<IReadOnlyList<string?>>([.. values.Select(value => value.Text)]);
    }
}

/// <summary>A schema that changes when a test says so.</summary>
sealed class FixedSchema(DatabaseSchema schema) : ISchemaSource
{
    public event Action<DatabaseSchema>? Changed;

    public DatabaseSchema Current { get; set; } = schema;

    public Task<DatabaseSchema> RefreshAsync(CancellationToken cancellationToken)
    {
        Changed?.Invoke(Current);
        return Task.FromResult(Current);
    }

    public Task RunAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
