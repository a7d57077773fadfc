namespace SyncEngine.Postgres.Replication;

/// <summary>The reason, for people, why a stream cannot begin or cannot go on. The source tries again.</summary>
internal sealed class StreamFailure(string message, Exception? inner = null) : Exception(message, inner)
{
    public static string PublicationChanged(string publication) => $"publication \"{publication}\" was dropped or created anew";
}
