using System.Collections.Immutable;
using System.Data;
using Npgsql;
using NpgsqlTypes;
using SyncEngine.Catalog;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Ports;
using SyncEngine.Postgres.Errors;
using SyncEngine.Postgres.Sessions;
using SyncEngine.Values;

namespace SyncEngine.Postgres.Analysis;

/// <summary>
/// Has PostgreSQL prepare and plan a query under the principal's role, in one short read-only transaction. It then reads the statement's
/// parameters, its columns, and the relations that it has locked: exactly those that it resolved, rewrote or planned to read.
/// </summary>
public sealed class QueryAnalyst(NpgsqlDataSource dataSource, ISchemaSource schemas, QuerySessionOptions options) : IQueryAnalyst
{
    private const string Statement = "sync_query";
    private const string Prepare = "PREPARE " + Statement + " AS ";

    public async Task<QueryDescription> DescribeAsync(
        string sql, IReadOnlyList<FunctionCall> functions, Principal principal, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
            var findings = await AskAsync(connection, sql, functions, principal, cancellationToken);
            return await JudgeAsync(sql, functions, findings, cancellationToken);
        }
        catch (Exception exception) when (DatabaseFailure.IsOfDatabase(exception))
        {
            throw SqlStateClassifier.Classify(exception, Prepare.Length, sql.Length);
        }
    }

    public async Task<IReadOnlyList<string?>> CanonicaliseAsync(
        IReadOnlyList<(SqlType Type, string? Text)> values, Principal principal, CancellationToken cancellationToken)
    {
        if (values.Count == 0)
        {
            return [];
        }

        try
        {
            await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
            await using var batch = new NpgsqlBatch(connection);
            batch.Add("BEGIN READ ONLY").Add(QuerySession.Limits(options)).Add([.. QuerySession.Identity(principal)]);
            var printed = values.Select((value, index) => Printed(index + 1, value.Type));
            batch.Add($"SELECT ARRAY[{string.Join(", ", printed)}]::text[]").Add("COMMIT");
            var parameters = batch.BatchCommands[^2].Parameters;
            foreach (var (_, text) in values)
            {
                parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Unknown, Value = (object?)text ?? DBNull.Value });
            }

            return (string?[])(await batch.ExecuteScalarAsync(cancellationToken))!;
        }
        catch (PostgresException refused) when (AnalysisPatterns.ParameterInContext().Match(refused.Where ?? "") is { Success: true } match)
        {
            var number = match.Groups["number"].Value;
            throw new SyncException(ErrorCode.TypeMismatch, $"parameter ${number}: {refused.MessageText}") { SqlState = refused.SqlState };
        }
        catch (Exception exception) when (DatabaseFailure.IsOfDatabase(exception))
        {
            throw SqlStateClassifier.Classify(exception);
        }
    }

    /// <summary>
    /// format's %s is the output function; a cast to text would be another function for some types (true::text is not t).
    /// </summary>
    private static string Printed(int parameter, SqlType type) =>
        "(SELECT CASE pg_catalog.num_nulls(v) WHEN 0 THEN pg_catalog.format('%s', v) END "
        + $"FROM (SELECT ${parameter}::{Quoting.TypeName(type)} AS v) AS x)";

    private async Task<Findings> AskAsync(
        NpgsqlConnection connection,
        string sql,
        IReadOnlyList<FunctionCall> functions,
        Principal principal,
        CancellationToken cancellationToken)
    {
        var isPrepared = false;
        try
        {
            var parameters = await PrepareAsync(connection, sql, principal, cancellationToken);
            isPrepared = true;
            var arguments = parameters.Length == 0 ? "" : $"({string.Join(", ", parameters.Select(_ => "NULL"))})";
            var execute = $"EXECUTE {Statement}{arguments}";
            var findings = await ExamineAsync(connection, execute, functions, principal, cancellationToken);
            return findings with { Parameters = parameters, Columns = await DescribeColumnsAsync(connection, execute, cancellationToken) };
        }
        finally
        {
            await LeaveAsync(connection, isPrepared);
        }
    }

    /// <summary>Enters the transaction and prepares the query; returns the parameters' types.</summary>
    private async Task<uint[]> PrepareAsync(
        NpgsqlConnection connection, string sql, Principal principal, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);
        batch.Add("BEGIN READ ONLY").Add("SET LOCAL plan_cache_mode TO force_generic_plan").Add(QuerySession.Limits(options));
        var roleStatement = batch.BatchCommands.Count;
        batch.Add([.. QuerySession.Identity(principal)]);
        var prepare = batch.BatchCommands.Count;
        batch.Add(Prepare + sql)
            .Add($"SELECT s.parameter_types::oid[] FROM pg_catalog.pg_prepared_statement() AS s WHERE s.name = '{Statement}'");
        try
        {
            return (uint[])(await batch.ExecuteScalarAsync(cancellationToken))!;
        }
        catch (PostgresException refused) when (batch.FailedAt() is var index && index >= roleStatement && index < prepare)
        {
            throw QuerySession.NotTakeable(principal.Role, refused.SqlState);
        }
    }

    /// <summary>
    /// Plans the query, which checks privileges and locks what rewriting and planning add; then reads about every locked relation.
    /// </summary>
    private static async Task<Findings> ExamineAsync(
        NpgsqlConnection connection,
        string execute,
        IReadOnlyList<FunctionCall> functions,
        Principal principal,
        CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);
        batch.Add("EXPLAIN (COSTS OFF) " + execute)
            .Add(AnalysisQueries.StoreLocked)
            .Add(AnalysisQueries.Locked)
            .Add(AnalysisQueries.Called);
        var called = batch.BatchCommands[^1].Parameters;
        called.Add(ArrayOf(functions.Select(call => call.Schema).ToArray(), NpgsqlDbType.Text));
        called.Add(ArrayOf(functions.Select(call => call.Name).ToArray(), NpgsqlDbType.Text));
        called.Add(ArrayOf(functions.Select(call => (int)call.Kind).ToArray(), NpgsqlDbType.Integer));
        batch.Add(AnalysisQueries.CalledWithin).Add(QuerySession.RoleEscapesPolicies);

        await using var reader = await OpenAsync(batch, cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        if (await reader.ReadAsync(cancellationToken) && reader.GetBoolean(1))
        {
            throw new SyncException(ErrorCode.SqlUnsupported, "the query changes or locks rows");
        }

        await reader.NextResultAsync(cancellationToken);
        var relations = new List<LockedRelation>();
        while (await reader.ReadAsync(cancellationToken))
        {
            relations.Add(new LockedRelation(
                reader.GetFieldValue<uint>(0),
                reader.GetChar(1),
                reader.GetString(2),
                reader.GetString(3),
                reader.GetBoolean(4),
                reader.GetBoolean(5)));
        }

        await reader.NextResultAsync(cancellationToken);
        var direct = new List<(int Ordinal, FunctionFacts Function)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            direct.Add((reader.GetInt32(0), FactsOf(reader)));
        }

        await reader.NextResultAsync(cancellationToken);
        var within = new List<(string Place, FunctionFacts Function)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            within.Add((reader.GetString(0), FactsOf(reader)));
        }

        await reader.NextResultAsync(cancellationToken);
        if (await reader.ReadAsync(cancellationToken) && reader.GetBoolean(0) && principal.Role is not null)
        {
            throw QuerySession.EscapesPolicies(principal.Role);
        }

        return new Findings([], [], relations, direct, within);
    }

    private static NpgsqlParameter ArrayOf(Array values, NpgsqlDbType element) =>
        new() { Value = values, NpgsqlDbType = NpgsqlDbType.Array | element };

    private static FunctionFacts FactsOf(NpgsqlDataReader reader) => new(
        reader.IsDBNull(1) ? "" : reader.GetString(1),
        reader.GetString(2),
        reader.GetChar(3),
        reader.GetBoolean(4),
        reader.GetBoolean(5),
        reader.GetBoolean(6));

    // The position in an error of EXPLAIN EXECUTE is in the prepared text or in an inlined function's; the error does not show which.
    private static async Task<NpgsqlDataReader> OpenAsync(NpgsqlBatch batch, CancellationToken cancellationToken)
    {
        try
        {
            return await batch.ExecuteReaderAsync(cancellationToken);
        }
        catch (PostgresException refused)
        {
            throw SqlStateClassifier.Classify(refused, int.MaxValue);
        }
    }

    private static async Task<IReadOnlyList<DescribedColumn>> DescribeColumnsAsync(
        NpgsqlConnection connection, string execute, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(execute, connection);
        await using var reader = await command.ExecuteReaderAsync(CommandBehavior.SchemaOnly, cancellationToken);
        return [.. reader.GetColumnSchema().Select(column => new DescribedColumn(
            column.ColumnName, column.TypeOID, TypeModifiers.Of(column), column.TableOID, column.ColumnAttributeNumber ?? 0))];
    }

    // Prepared statements outlive their transaction.
    private static async Task LeaveAsync(NpgsqlConnection connection, bool isPrepared)
    {
        if (connection.FullState.HasFlag(ConnectionState.Broken) || !connection.FullState.HasFlag(ConnectionState.Open))
        {
            return;
        }

        await using var batch = new NpgsqlBatch(connection);
        batch.Add("ROLLBACK");
        if (isPrepared)
        {
            batch.Add("DEALLOCATE " + Statement);
        }

        try
        {
            await batch.ExecuteNonQueryAsync(CancellationToken.None);
        }
        catch (NpgsqlException) when (connection.FullState.HasFlag(ConnectionState.Broken))
        {
            // The session and its transaction are gone; the error that led here is the one to report.
        }
    }

    private async Task<QueryDescription> JudgeAsync(
        string sql, IReadOnlyList<FunctionCall> functions, Findings findings, CancellationToken cancellationToken)
    {
        var schema = await SchemaWithAsync(findings, cancellationToken);
        var tables = TablesRead(findings, schema);
        RefuseFunctions(functions, findings);
        var views = findings.Relations.Where(relation => relation.Kind == 'v').Select(relation => relation.Oid).Order().ToImmutableArray();
        return new QueryDescription(
            [.. findings.Parameters.Select(oid => TypeOf(schema, oid))],
            ResultColumns(sql, findings, schema),
            tables,
            views,
            // Under a view the policies apply to the view's owner; row_security_active() does not cover that.
            findings.Relations.Any(relation => relation.HasActivePolicies || (relation.HasPolicies && views.Length > 0)),
            functions.Any(call => call.Schema is null && FunctionRules.IsClockKeyword(call.Name))
                || findings.Functions.Any(FunctionRules.ReadsClock),
            findings.Functions.Any(function => function.IsOpaque))
        {
            ReadsSettings = findings.Functions.Any(function =>
                function.Volatility != 'i' && (function.Schema != "pg_catalog" || function.Name == "current_setting")),
        };
    }

    private static void RefuseFunctions(IReadOnlyList<FunctionCall> functions, Findings findings)
    {
        foreach (var (ordinal, function) in findings.Called)
        {
            if (FunctionRules.Refuse(function) is { } refusal)
            {
                throw new SyncException(refusal.Code, refusal.Message, refusal.Detail, refusal.Hint)
                {
                    Position = functions[ordinal - 1].Position,
                };
            }
        }

        foreach (var (place, function) in findings.CalledWithin)
        {
            if (function.Volatility == ' ')
            {
                throw new SyncException(ErrorCode.SqlUnsupported, $"{function.Name} in {place} is not allowed in a live query");
            }

            if (FunctionRules.Refuse(function, place) is { } refusal)
            {
                throw refusal;
            }
        }
    }

    /// <summary>The current schema, or a newer one when the query uses relations or types that it lacks.</summary>
    private async Task<DatabaseSchema> SchemaWithAsync(Findings findings, CancellationToken cancellationToken)
    {
        var schema = schemas.Current;
        var hasAll = findings.Relations.All(relation => IsSystem(relation.Schema) || schema.Tables.ContainsKey(relation.Oid))
            && findings.Parameters.Concat(findings.Columns.Select(column => column.Type)).All(schema.Types.ContainsKey);
        return hasAll ? schema : await schemas.RefreshAsync(cancellationToken);
    }

    /// <summary>
    /// Every locked relation with rows, and all that inherit from it: partitions that this plan prunes may matter to another parameter.
    /// </summary>
    private static ImmutableArray<uint> TablesRead(Findings findings, DatabaseSchema schema)
    {
        var read = new SortedSet<uint>();
        foreach (var relation in findings.Relations)
        {
            if (!schema.Tables.TryGetValue(relation.Oid, out var table))
            {
                var reason = IsSystem(relation.Schema) ? "is a system catalog"
                    : relation.Kind == 'S' ? "is a sequence"
                    : "has changes that are not in the stream";
                throw NotPublished($"relation \"{relation.Schema}.{relation.Name}\" {reason}", null);
            }

            if (relation.Kind != 'v')
            {
                AddWithDescendants(table, schema, read);
            }
        }

        return [.. read];
    }

    private static void AddWithDescendants(Table table, DatabaseSchema schema, SortedSet<uint> read)
    {
        if (!read.Add(table.Oid))
        {
            return;
        }

        if (!table.IsStreamed)
        {
            throw NotPublished($"relation \"{table.Schema}.{table.Name}\" {table.NotStreamedBecause}", table.StreamedIf);
        }

        foreach (var child in table.Children)
        {
            if (schema.Tables.TryGetValue(child, out var descendant))
            {
                AddWithDescendants(descendant, schema, read);
            }
        }
    }

    private static SyncException NotPublished(string message, string? hint) =>
        new(ErrorCode.NotPublished, message, "Only changes that reach the publication can be followed.", hint);

    private static ImmutableArray<ResultColumn> ResultColumns(string sql, Findings findings, DatabaseSchema schema)
    {
        var mayNullExtend = AnalysisPatterns.NullExtending().IsMatch(sql);
        return
        [
            .. findings.Columns.Select(described =>
            {
                var table = schema.Tables.GetValueOrDefault(described.Table);
                var column = table?.Columns.FirstOrDefault(column => column.Number == described.ColumnNumber);
                return new ResultColumn(
                    described.Name,
                    TypeOf(schema, described.Type),
                    column?.Type.Oid == described.Type ? column.TypeModifier : described.TypeModifier,
                    described.Table,
                    described.ColumnNumber,
                    mayNullExtend || column is not { IsNotNull: true });
            }),
        ];
    }

    private static SqlType TypeOf(DatabaseSchema schema, uint oid) =>
        schema.Types.GetValueOrDefault(oid)
        ?? throw new SyncException(ErrorCode.SchemaChanged, "a type that the query uses has just been dropped");

    private static bool IsSystem(string schema) => schema is "information_schema" || schema.StartsWith("pg_", StringComparison.Ordinal);

    private sealed record LockedRelation(uint Oid, char Kind, string Schema, string Name, bool HasActivePolicies, bool HasPolicies);

    private sealed record DescribedColumn(string Name, uint Type, int TypeModifier, uint Table, short ColumnNumber);

    private sealed record Findings(
        uint[] Parameters,
        IReadOnlyList<DescribedColumn> Columns,
        IReadOnlyList<LockedRelation> Relations,
        IReadOnlyList<(int Ordinal, FunctionFacts Function)> Called,
        IReadOnlyList<(string Place, FunctionFacts Function)> CalledWithin)
    {
        public IEnumerable<FunctionFacts> Functions =>
            Called.Select(call => call.Function).Concat(CalledWithin.Select(call => call.Function));
    }
}
