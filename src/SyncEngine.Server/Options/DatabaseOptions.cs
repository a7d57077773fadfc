using System.ComponentModel.DataAnnotations;

namespace SyncEngine.Server.Options;

/// <summary>The database that is served.</summary>
sealed record DatabaseOptions
{
    public const string Section = "SyncEngine:Database";

    /// <summary>
    /// The address, as a postgres:// URL, libpq's or Npgsql's key-value string. Default: DATABASE_URL.
    /// Without that either, the engine starts a PostgreSQL of its own.
    /// </summary>
    public string? Url { get; init; }

    /// <summary>Connections kept for queries; further ones wait for them. Replication uses one more. Default 20.</summary>
    [Range(2, 1000)]
    public int MaxConnections { get; init; } = 20;
}
