using Npgsql;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Databases;

namespace SyncEngine.Server.Hosting;

/// <summary>
/// The databases of one run of the server, open and prepared. Disposed of by <see cref="ServerHost"/>, after the application.
/// </summary>
/// <param name="DataSource">The pool of the main database.</param>
/// <param name="Outbox">Null where no outbox is configured.</param>
/// <param name="NoStream">The reason why the main database cannot stream changes: live queries are off then. Null when it can.</param>
sealed record OpenedDatabases(MainDatabase Main, NpgsqlDataSource DataSource, OutboxDatabase? Outbox, Finding? NoStream)
{
    /// <summary>On a PostgreSQL of our own, what is missing is created unless configured otherwise.</summary>
    public bool IsEmbedded => Main.Embedded is not null;

    /// <summary>The pool of the database that keeps the messages of the hub target.</summary>
    public NpgsqlDataSource Channels => Outbox?.DataSource ?? DataSource;
}
