namespace SyncEngine.Postgres.Replication;

/// <summary>Why a stream cannot be had or cannot go on, for people. It is tried again.</summary>
internal sealed class StreamFailure(string message, Exception? inner = null) : Exception(message, inner);

