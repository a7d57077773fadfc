using SyncEngine.Postgres.Administration;

namespace SyncEngine.Postgres.Outbox;

/// <summary>Where an outbox and its nodes are, in any schema and under any names.</summary>
public sealed record OutboxNames(string Schema = "public", string Table = "outbox", string NodesSchema = "public", string NodesTable = "nodes")
{
    /// <summary>The NOTIFY channel of adbc, which the published trigger function uses.</summary>
    public const string NotifyChannel = "ably_adbc";

    /// <summary>For SQL text, and the name under which progress and dead letters are kept.</summary>
    public string Outbox => Quoting.Identifier(Schema, Table);

    public string Nodes => Quoting.Identifier(NodesSchema, NodesTable);
}
