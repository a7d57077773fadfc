using System.Runtime.CompilerServices;
using Npgsql;
using SyncEngine.Postgres.Administration;

namespace SyncEngine.Server.Commands;

/// <summary>
/// The engine's own part over a database that was configured for another part. What live queries lack is a note there, and a missing
/// privilege stops no command.
/// </summary>
sealed class OptionalLiveQueries(IInstallation engine) : IInstallation
{
    public IAsyncEnumerable<Finding> CheckAsync(CancellationToken cancellationToken) =>
        NotedAsync(engine.CheckAsync(cancellationToken), cancellationToken);

    public IAsyncEnumerable<Finding> InstallAsync(CancellationToken cancellationToken) =>
        NotedAsync(engine.InstallAsync(cancellationToken), cancellationToken);

    public IAsyncEnumerable<Finding> UninstallAsync(CancellationToken cancellationToken) =>
        NotedAsync(engine.UninstallAsync(cancellationToken), cancellationToken);

    private static async IAsyncEnumerable<Finding> NotedAsync(
        IAsyncEnumerable<Finding> findings, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var each = findings.GetAsyncEnumerator(cancellationToken);
        while (true)
        {
            Finding finding;
            try
            {
                if (!await each.MoveNextAsync())
                {
                    yield break;
                }

                finding = each.Current;
            }
            catch (PostgresException refused) when (refused.SqlState == PostgresErrorCodes.InsufficientPrivilege)
            {
                finding = new Finding(FindingKind.Note, $"live queries are off: {refused.MessageText}");
            }

            yield return finding.Kind == FindingKind.Missing
                ? finding with { Kind = FindingKind.Note, Text = $"for live queries: {finding.Text}" }
                : finding;
        }
    }
}
