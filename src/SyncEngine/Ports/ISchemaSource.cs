using SyncEngine.Catalog;

namespace SyncEngine.Ports;

/// <summary>
/// The schema registry. It is kept up to date by the messages of the DDL event trigger where that is installed
/// (<see cref="RefreshAsync"/> is then called), otherwise by polling.
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
