using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using SyncEngine.Errors;
using SyncEngine.Options;
using SyncEngine.Permissions;
using SyncEngine.Ports;
using SyncEngine.Sql;
using SyncEngine.Sql.Binding;
using SyncEngine.Sql.Catalog;
using SyncEngine.Sql.Parsing;
using SyncEngine.Sql.Syntax;
using SyncEngine.Tiers.Requery;
using SyncEngine.Tiers.SingleTable;
using SyncEngine.Values;

namespace SyncEngine.Planning;

/// <summary>
/// Text → gated query → what PostgreSQL says of it → plan. Incremental where our reading of the query is PostgreSQL's and its meaning is
/// ours to compute; everything else is read by PostgreSQL again.
/// </summary>
/// <remarks>Plans are kept by role and text until the schema changes; at most <see cref="MaxCachedPlans"/> of them.</remarks>
public sealed class QueryPlanner(IQueryAnalyst analyst, ISchemaSource schemas, EngineOptions options)
{
    private const int MaxCachedPlans = 10_000;
    private const string HiddenKey = "$row";
    private const string DeadlockDetected = "40P01";
    private const int DescribeAttempts = 3;

    private readonly ConcurrentDictionary<(string? Role, string? Claims, string Text), (long Schema, QueryPlan Plan)> plans = new();

    /// <param name="isDoubtful">What is known of the query does not hold any more: PostgreSQL is asked anew.</param>
    /// <exception cref="SyncException">Whatever is wrong with the query, with its position in the text as sent.</exception>
    public async Task<QueryPlan> PlanAsync(string text, Principal principal, bool isDoubtful, CancellationToken cancellationToken)
    {
        var schema = schemas.Current;
        if (!isDoubtful && Cached(schema, principal.Role, null, text) is { } shared)
        {
            if (!shared.DependsOnClaims)
            {
                return shared;
            }

            if (Cached(schema, principal.Role, principal.Claims, text) is { } own)
            {
                return own;
            }
        }

        var plan = await MakeAsync(text, schema, principal, cancellationToken);
        if (plans.Count >= MaxCachedPlans)
        {
            plans.Clear();
        }

        plans[(principal.Role, null, text)] = (schema.Version, plan);
        if (plan.DependsOnClaims)
        {
            plans[(principal.Role, principal.Claims, text)] = (schema.Version, plan);
        }

        return plan;
    }

    private QueryPlan? Cached(DatabaseSchema schema, string? role, string? claims, string text) =>
        plans.TryGetValue((role, claims, text), out var known) && known.Schema == schema.Version ? known.Plan : null;

    private async Task<QueryPlan> MakeAsync(string text, DatabaseSchema schema, Principal principal, CancellationToken cancellationToken)
    {
        var gated = QueryGate.Admit(text);
        FunctionCall[] functions =
        [
            .. gated.Mentions.Functions.Select(call => new FunctionCall(call.Schema, call.Name, call.Position)),
            .. gated.Mentions.KeywordCalls.Select(call => new FunctionCall(null, call.Name, call.Position)),
            .. gated.Mentions.AttributeNames.Select(name => new FunctionCall(null, name, 1, FunctionCallKind.Attribute)),
            .. gated.Mentions.Operators.Select(use => new FunctionCall(use.Schema, use.Name, use.Position, FunctionCallKind.Operator)),
        ];
        var description = await DescribeAsync(gated, functions, principal, cancellationToken);
        if (description.Tables.Concat(description.Views).Any(oid => !schema.Tables.ContainsKey(oid)))
        {
            // The schema has been read again for a relation made just now. It may know more than PostgreSQL was asked about.
            schema = schemas.Current;
            description = await DescribeAsync(gated, functions, principal, cancellationToken);
        }

        if (gated.Mentions.HighestParameter > description.Parameters.Length)
        {
            throw new SyncException(ErrorCode.TypeMismatch, $"the type of parameter ${gated.Mentions.HighestParameter} cannot be told", hint: "Use every parameter from $1 up, or cast it: $1::int.");
        }

        var parsed = SelectParser.Parse(gated);
        var (single, reason) = await TryIncrementalAsync(parsed, schema, description, gated, principal, cancellationToken);
        return Compose(text, gated, parsed.Value, schema, description, principal, single, reason);
    }

    private async Task<QueryDescription> DescribeAsync(GatedQuery gated, FunctionCall[] functions, Principal principal, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await DescribeOnceAsync(gated, functions, principal, cancellationToken);
            }
            catch (SyncException refused) when (refused.SqlState == DeadlockDetected && attempt < DescribeAttempts)
            {
                // Planning locks the tables one after the other, as an application's TRUNCATE of several does in another order.
            }
        }
    }

    private async Task<QueryDescription> DescribeOnceAsync(GatedQuery gated, FunctionCall[] functions, Principal principal, CancellationToken cancellationToken)
    {
        try
        {
            return await analyst.DescribeAsync(gated.Text, functions, principal, cancellationToken);
        }
        catch (SyncException refused) when (refused is { Position: { } position, SqlState: not null })
        {
            // PostgreSQL counts in the printed text; our own refusals carry positions of the text as sent.
            throw new SyncException(refused.Code, refused.Message, refused.Detail, refused.Hint) { SqlState = refused.SqlState, Position = gated.MapPosition(position) };
        }
    }

    private static string Counted(int parameters) => parameters == 1 ? "1 parameter" : $"{parameters} parameters";

    /// <summary>Parameters as the plan's types print them, asking PostgreSQL where the engine cannot tell.</summary>
    /// <exception cref="SyncException">type_mismatch, naming the parameter.</exception>
    public async Task<ImmutableArray<string?>> CanonicaliseAsync(QueryPlan plan, IReadOnlyList<JsonElement> values, CancellationToken cancellationToken)
    {
        if (values.Count != plan.ParameterTypes.Length)
        {
            throw new SyncException(
                ErrorCode.TypeMismatch,
                $"the query takes {Counted(plan.ParameterTypes.Length)}, {values.Count} given",
                hint: "Give one value for each of $1, $2, ….");
        }

        var texts = values.Select((value, i) => ParameterText.Of(value, plan.ParameterTypes[i], i + 1)).ToList();
        return [.. await CanonicaliseAsync(texts.Select((text, i) => (plan.ParameterTypes[i], text)).ToList(), plan.Reader, cancellationToken)];
    }

    private async Task<string?[]> CanonicaliseAsync(List<(SqlType Type, string? Text)> values, Principal principal, CancellationToken cancellationToken)
    {
        var canonical = values.Select(value => value.Text is null ? null : ParameterText.Canonical(value.Text, value.Type)).ToArray();
        for (var i = 0; i < values.Count; i++)
        {
            if (values[i].Text is not null && canonical[i] is null)
            {
                // One that PostgreSQL has to say: all go together, so that its numbering is ours.
                return [.. await analyst.CanonicaliseAsync(values, principal, cancellationToken)];
            }
        }

        return canonical;
    }

    private async Task<(SingleTablePlan? Plan, string? Reason)> TryIncrementalAsync(
        Coverage<SelectStatement> parsed, DatabaseSchema schema, QueryDescription description, GatedQuery gated, Principal principal, CancellationToken cancellationToken)
    {
        if (description.HasRowSecurity)
        {
            return (null, "row-level security policies are applied by Postgres");
        }

        if (!parsed.IsCovered(out var statement, out var refusal))
        {
            return (null, refusal.Reason);
        }

        if (gated.Mentions.HasClockLiterals || description.ReadsClock)
        {
            return (null, "the current time is read by Postgres");
        }

        var bound = SelectBinder.Bind(statement, schema, description);
        if (!bound.IsCovered(out var select, out refusal))
        {
            return (null, refusal.Reason);
        }

        var table = select.Table;
        if (!table.IdentityColumns.Any())
        {
            return (null, $"table \"{table.Schema}.{table.Name}\" has no replica identity that names a row");
        }

        List<int> literals = [.. Enumerable.Range(0, select.Slots.Length).Where(slot => select.Slots[slot].Source is LiteralSource)];
        string?[] canonical;
        try
        {
            canonical = await CanonicaliseAsync([.. literals.Select(slot => (select.Slots[slot].Type, ((LiteralSource)select.Slots[slot].Source).Text))], principal, cancellationToken);
        }
        catch (SyncException refused) when (refused.Code == ErrorCode.TypeMismatch)
        {
            return (null, "a value in it is PostgreSQL's to judge");
        }

        var operands = literals.Select((slot, i) => (slot, i)).ToDictionary(pair => pair.slot, pair => canonical[pair.i] is { } value ? Encoding.UTF8.GetBytes(value) : null);
        var plan = SingleTablePlanner.TryPlan(select, operands);
        return plan is null
            ? (null, "the result leaves out columns of the table's key")
            : (plan, null);
    }

    private QueryPlan Compose(
        string text,
        GatedQuery gated,
        SelectStatement? statement,
        DatabaseSchema schema,
        QueryDescription description,
        Principal principal,
        SingleTablePlan? single,
        string? reason)
    {
        var codecs = description.Columns.Select(column => ColumnCodec.For(column.Type)).ToImmutableArray();
        var columns = description.Columns.Select(column => new OutputColumn(column.Name, column.Type.DisplayName, column.IsNullable)).ToImmutableArray();
        var key = single is not null
            ? [.. single.Key.Select(needed => single.Output.IndexOf(needed))]
            : NaturalKey(statement, schema, description);
        if (columns.Select(column => column.Name).Distinct(StringComparer.Ordinal).Count() < columns.Length)
        {
            key = [];
            reason ??= "the result has columns of the same name";
            single = null;
        }

        var foreign = columns.Where((_, i) => !codecs[i].IsNative).Select(column => column.Type).FirstOrDefault();
        if (single is not null && foreign is not null)
        {
            // The stream brings PostgreSQL's text, which is not JSON for these: composites, types with a cast to json.
            reason = $"values of type {foreign} are turned into JSON by Postgres";
            single = null;
        }

        var isOrdered = IsOrdered(gated);
        var dependsOnClaims = single is null
            && (description.HasRowSecurity || description.ReadsSettings || description.HasOpaqueFunctions || !description.Views.IsEmpty
                || gated.Mentions.Functions.Any(call => call.Name is "current_setting"));
        var readsClock = description.ReadsClock || gated.Mentions.HasClockLiterals;
        var identity = new StringBuilder()
            .Append(principal.Role).Append('\n')
            .Append(dependsOnClaims ? principal.Claims : null).Append('\n')
            .Append(gated.Text);
        return new QueryPlan
        {
            Tier = single is not null
                ? single
                : new RequeryPlan(readsClock ? $"{reason}; looked at again every {options.ClockInterval.TotalSeconds:0.###} s" : reason!),
            QueryText = text,
            ReadSql = codecs.All(codec => codec.IsNative) ? gated.Text : WithJsonColumns(gated.Text, codecs),
            ParameterTypes = description.Parameters,
            Columns = key.IsEmpty ? [new OutputColumn(HiddenKey, "text", IsNullable: false, IsHidden: true), .. columns] : columns,
            Key = key.IsEmpty ? [HiddenKey] : [.. key.Select(index => columns[index].Name)],
            IsOrdered = isOrdered,
            Tables = description.Tables,
            Fingerprints = description.Tables.Concat(description.Views).Distinct()
                .Where(schema.Tables.ContainsKey)
                .ToImmutableDictionary(oid => oid, oid => schema.Tables[oid].Fingerprint),
            StreamedAfterXid = description.Tables.Select(oid => schema.Tables.TryGetValue(oid, out var table) ? table.StreamedAfterXid : 0).DefaultIfEmpty().Max(),
            Identity = identity.ToString(),
            Reader = principal,
            DependsOnClaims = dependsOnClaims,
            ReadsClock = readsClock,
            ReadsAnything = description.HasOpaqueFunctions,
            NewEncoder = key.IsEmpty ? () => new ContentKeyedRowEncoder(codecs) : () => new JsonRowEncoder(codecs, key),
        };
    }

    /// <summary>
    /// The primary key's columns in the result, when the query reads rows of one table that has one. Inheriting tables do not share their
    /// parent's key; partitions do.
    /// </summary>
    private static ImmutableArray<int> NaturalKey(SelectStatement? statement, DatabaseSchema schema, QueryDescription description)
    {
        if (statement is null || schema.Find(statement.From.Schema, statement.From.Name) is not { } table
            || table.PrimaryKey.IsEmpty || (table.Kind == 'r' && !table.Children.IsEmpty) || table.Kind is not ('r' or 'p'))
        {
            return [];
        }

        var indices = table.PrimaryKey
            .Select(number => description.Columns.ToList().FindIndex(column => column.TableOid == table.Oid && column.ColumnNumber == number))
            .ToImmutableArray();
        return indices.Contains(-1) ? [] : indices;
    }

    /// <summary>ORDER BY outside every parenthesis orders the result; parentheses around the whole query do not count.</summary>
    private static bool IsOrdered(GatedQuery gated)
    {
        var tokens = gated.Tokens;
        Stack<int> open = [];
        Dictionary<int, int> closing = [];
        List<int> depths = [];
        for (var i = 0; i < tokens.Length; i++)
        {
            if (tokens[i].IsPunctuation("("))
            {
                open.Push(i);
            }
            else if (tokens[i].IsPunctuation(")"))
            {
                closing[open.Pop()] = i;
            }
            else if (tokens[i].IsWord("order") && tokens[i + 1].IsWord("by"))
            {
                depths.Add(open.Count);
            }
        }

        // The last token is the end itself.
        var around = 0;
        while (closing.TryGetValue(around, out var last) && last == tokens.Length - 2 - around)
        {
            around++;
        }

        return depths.Contains(around);
    }

    /// <summary>Columns whose text is not their JSON (composites, types with a cast to json) are turned into JSON by PostgreSQL.</summary>
    private static string WithJsonColumns(string query, ImmutableArray<ColumnCodec> codecs)
    {
        var outputs = codecs.Select((codec, i) => codec.IsNative ? $"\"q\".\"c{i}\"" : $"to_json(\"q\".\"c{i}\")::text");
        var names = codecs.Select((_, i) => $"\"c{i}\"");
        return $"SELECT {string.Join(", ", outputs)} FROM ({query}) AS \"q\"({string.Join(", ", names)})";
    }
}
