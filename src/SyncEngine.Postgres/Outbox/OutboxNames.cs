using System.Security.Cryptography;
using System.Text;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Outbox;

/// <summary>The names of an outbox and its nodes table, in any schema.</summary>
public sealed record OutboxNames(
    string Schema = "public", string Table = "outbox", string NodesSchema = "public", string NodesTable = "nodes")
{
    /// <summary>Bytes that PostgreSQL keeps of a name (NAMEDATALEN − 1).</summary>
    public const int MaxBytes = 63;

    /// <summary>The NOTIFY channel of adbc, which the published trigger function uses.</summary>
    public const string NotifyChannel = "ably_adbc";

    /// <summary>For SQL text, and the name under which progress and dead letters are kept.</summary>
    public string Outbox => Quoting.Identifier(Schema, Table);

    public string Nodes => Quoting.Identifier(NodesSchema, NodesTable);

    /// <summary>The notify function, in the outbox's schema.</summary>
    public string NotifyFunction => Fit(Table, "_notify");

    public string Trigger => Fit($"{Schema}_{Table}", "_trigger");

    /// <summary>The variables of the scripts in sql/outbox.</summary>
    internal IReadOnlyDictionary<string, string> Variables => new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["outbox_schema"] = Schema,
        ["outbox_table"] = Table,
        ["outbox_notify"] = NotifyFunction,
        ["outbox_trigger"] = Trigger,
        ["nodes_schema"] = NodesSchema,
        ["nodes_table"] = NodesTable,
    };

    /// <summary>Shortens a name that is too long: its middle becomes a digest, so that two long names stay different.</summary>
    private static string Fit(string name, string end)
    {
        if (Encoding.UTF8.GetByteCount(name + end) <= MaxBytes)
        {
            return name + end;
        }

        var digest = "_" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)).AsSpan(0, 4));
        var room = MaxBytes - digest.Length - end.Length;
        var beginning = new StringBuilder();
        foreach (var rune in name.EnumerateRunes())
        {
            room -= rune.Utf8SequenceLength;
            if (room < 0)
            {
                break;
            }

            beginning.Append(rune);
        }

        return beginning + digest + end;
    }
}
