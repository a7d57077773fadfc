using SyncEngine.Changes;

namespace SyncEngine.Ports;

/// <summary>A consumer of the stream that must lose nothing: PostgreSQL keeps the log until it has stored what it needs of it.</summary>
public interface IDurableConsumer
{
    /// <summary>The name for health and metrics.</summary>
    string Name { get; }

    /// <summary>
    /// Everything that ends at or below it is stored. It falls only with <see cref="Restart"/>. It is read on the engine's loop at any time.
    /// </summary>
    Lsn Stored { get; }

    /// <summary>
    /// The server runs on another history, and repeats positions. <see cref="Stored"/> becomes zero before this call returns.
    /// It rises again with what is stored of the new history.
    /// </summary>
    void Restart();
}
