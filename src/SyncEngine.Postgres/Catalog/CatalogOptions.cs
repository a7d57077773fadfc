using System.Collections.Immutable;

namespace SyncEngine.Postgres.Catalog;

/// <summary>What is read from the catalog, and how often it is looked at.</summary>
public sealed record CatalogOptions
{
    /// <summary>The publication whose tables can be followed. Default <c>sync</c>.</summary>
    public string Publication { get; init; } = "sync";

    /// <summary>The schemas in which queries' unqualified names are looked up. Default <c>public</c>.</summary>
    public ImmutableArray<string> SearchPath { get; init; } = ["public"];

    /// <summary>
    /// The slot may have been there before the engine: then nothing waited for the writers that were in flight when a table was published, and every table counts as
    /// published just now. A slot that is made at the start waits for them itself. Default false.
    /// </summary>
    public bool IsSlotKept { get; init; }

    /// <summary>Time between two looks at the catalog's fingerprint. Default 1 s.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(1);
}
