using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Sql.Binding;
using SyncEngine.Values;

namespace SyncEngine.Planning;

/// <summary>Brings parameters and literals into the text that their types print; by PostgreSQL where the engine does not know it.</summary>
sealed class ValueCanonicaliser(IQueryAnalyst analyst)
{
    /// <exception cref="SyncException">type_mismatch, naming the parameter.</exception>
    public async Task<ImmutableArray<string?>> ParametersAsync(
        QueryPlan plan, IReadOnlyList<JsonElement> values, CancellationToken cancellationToken)
    {
        var types = plan.ParameterTypes;
        if (values.Count != types.Length)
        {
            var expected = types.Length == 1 ? "1 parameter" : $"{types.Length} parameters";
            throw new SyncException(
                ErrorCode.TypeMismatch, $"the query takes {expected}, {values.Count} given", hint: "Give one value for each of $1, $2, ….");
        }

        List<(SqlType Type, string? Text)> texts = [.. values.Select((value, i) => (types[i], ParameterText.Of(value, types[i], i + 1)))];
        return [.. await CanonicaliseAsync(texts, plan.Reader, cancellationToken)];
    }

    /// <returns>The UTF-8 texts of the operands that are literals, by operand, null for NULL; null when PostgreSQL refuses one.</returns>
    public async Task<IReadOnlyDictionary<int, byte[]?>?> LiteralsAsync(
        BoundSelect select, Principal principal, CancellationToken cancellationToken)
    {
        List<int> indices = [];
        List<(SqlType Type, string? Text)> texts = [];
        for (var i = 0; i < select.Operands.Length; i++)
        {
            if (select.Operands[i] is { Source: LiteralSource literal, Type: var type })
            {
                indices.Add(i);
                texts.Add((type, literal.Text));
            }
        }

        try
        {
            var canonical = await CanonicaliseAsync(texts, principal, cancellationToken);
            return indices.Zip(canonical).ToDictionary(
                pair => pair.First, pair => pair.Second is { } text ? Encoding.UTF8.GetBytes(text) : null);
        }
        catch (SyncException refused) when (refused.Code == ErrorCode.TypeMismatch)
        {
            return null;
        }
    }

    private async Task<IReadOnlyList<string?>> CanonicaliseAsync(
        List<(SqlType Type, string? Text)> values, Principal principal, CancellationToken cancellationToken)
    {
        var canonical = values.Select(value => value.Text is null ? null : ParameterText.Canonical(value.Text, value.Type)).ToArray();
        for (var i = 0; i < values.Count; i++)
        {
            if (values[i].Text is not null && canonical[i] is null)
            {
                // All values go together, so that PostgreSQL's numbering of parameters is the caller's.
                return await analyst.CanonicaliseAsync(values, principal, cancellationToken);
            }
        }

        return canonical;
    }
}
