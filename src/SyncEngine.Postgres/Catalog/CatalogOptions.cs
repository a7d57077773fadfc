using System.Collections.Immutable;

namespace SyncEngine.Postgres.Catalog;

/// <summary>The parts of the catalog that are read, and the interval of polling.</summary>
public sealed record CatalogOptions
{
    /// <summary>The publication whose tables can be followed. Default <c>sync</c>.</summary>
    public string Publication { get; init; } = "sync";

    /// <summary>The schemas in which queries' unqualified names are resolved. Default <c>public</c>.</summary>
    public ImmutableArray<string> SearchPath { get; init; } = ["public"];

    /// <summary>
    /// The slot may be older than the engine. Nothing then waited for the writers that were in flight when a table was published, so every
    /// table counts as published just now. Creating a slot waits for them. Default false.
    /// </summary>
    public bool IsSlotKept { get; init; }

    /// <summary>Time between two polls of the catalog's fingerprint. Default 1 s.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(1);
}
