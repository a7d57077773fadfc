using System.Runtime.CompilerServices;
using Npgsql;
using SyncEngine.Postgres.Administration;

namespace SyncEngine.Server.Commands;

/// <summary>
/// A part that may be in another database than the rest, and under another role. Its first line, and an error that stops it, name the
/// database.
/// </summary>
/// <param name="name">The part, as its lines name it.</param>
/// <param name="origin">The key that gave the address, for errors.</param>
sealed class LocatedInstallation(IInstallation part, string name, NpgsqlConnectionStringBuilder address, string origin) : IInstallation
{
    public IAsyncEnumerable<Finding> CheckAsync(CancellationToken cancellationToken) =>
        LocatedAsync(part.CheckAsync(cancellationToken), cancellationToken);

    public IAsyncEnumerable<Finding> InstallAsync(CancellationToken cancellationToken) =>
        LocatedAsync(part.InstallAsync(cancellationToken), cancellationToken);

    public IAsyncEnumerable<Finding> UninstallAsync(CancellationToken cancellationToken) =>
        LocatedAsync(part.UninstallAsync(cancellationToken), cancellationToken);

    private async IAsyncEnumerable<Finding> LocatedAsync(
        IAsyncEnumerable<Finding> findings, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        yield return new Finding(FindingKind.Good, $"{name}: {DatabaseAddress.Describe(address)}");
        await using var each = findings.GetAsyncEnumerator(cancellationToken);
        while (await MoveAsync(each))
        {
            yield return each.Current;
        }
    }

    /// <exception cref="OperatorException">The database refuses; the line names the part and its role.</exception>
    private async ValueTask<bool> MoveAsync(IAsyncEnumerator<Finding> each)
    {
        try
        {
            return await each.MoveNextAsync();
        }
        catch (Exception failure) when (failure is not OperatorException && DatabaseProblem.Describe(failure, address, origin) is { } line)
        {
            throw new OperatorException($"{name}: {line}", failure);
        }
    }
}
