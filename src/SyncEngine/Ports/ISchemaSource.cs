using SyncEngine.Catalog;

namespace SyncEngine.Ports;

/// <summary>
/// The schema registry. Where the DDL event trigger is installed, its messages keep it up to date: each leads to
/// <see cref="RefreshAsync"/>. Elsewhere it polls.
/// </summary>
public interface ISchemaSource
{
    /// <summary>The newest schema known. Read from any thread, after the first <see cref="RefreshAsync"/>.</summary>
    DatabaseSchema Current { get; }

    /// <summary>Called with the new schema after each change, one call at a time, in the order of versions.</summary>
    event Action<DatabaseSchema>? Changed;

    /// <summary>Reads the catalog now and raises <see cref="Changed"/> when something differs.</summary>
    Task<DatabaseSchema> RefreshAsync(CancellationToken cancellationToken);

    /// <summary>Polls until cancelled.</summary>
    Task RunAsync(CancellationToken cancellationToken);
}
