using System.Diagnostics;

namespace SyncEngine.Postgres.Administration;

public enum FindingKind
{
    /// <summary>Something is in place.</summary>
    Good,

    /// <summary>Works, and is worth knowing.</summary>
    Note,

    /// <summary>Something was made, changed or removed just now.</summary>
    Done,

    /// <summary>Not as it should be.</summary>
    Missing,
}

/// <summary>One line of a command's answer.</summary>
/// <param name="Repair">The SQL that repairs it, when there is one.</param>
public sealed record Finding(FindingKind Kind, string Text, string? Repair = null)
{
    public static Finding Check(bool isGood, string good, string missing, string? repair = null) =>
        isGood ? new Finding(FindingKind.Good, good) : new Finding(FindingKind.Missing, missing, repair);

    public static Finding Removed(string subject, bool existed) =>
        existed ? new Finding(FindingKind.Done, $"{subject} removed") : new Finding(FindingKind.Good, $"{subject} not there");

    public override string ToString()
    {
        var kind = Kind switch
        {
            FindingKind.Good => "ok",
            FindingKind.Note => "note",
            FindingKind.Done => "done",
            FindingKind.Missing => "missing",
            _ => throw new UnreachableException(),
        };
        return $"{kind,-8}{Text}{(Repair is null ? "" : $"  --  {Repair};")}";
    }
}

/// <summary>
/// A part of the engine that keeps something in a database. The commands <c>check</c>, <c>setup</c> and <c>uninstall</c> run every part
/// that is configured.
/// </summary>
/// <remarks>
/// Each method may be run any number of times and reports its findings in order. A failure that ends it is thrown:
/// <see cref="OperatorException"/>, or the driver's exception.
/// </remarks>
public interface IInstallation
{
    /// <summary>Changes nothing.</summary>
    IAsyncEnumerable<Finding> CheckAsync(CancellationToken cancellationToken);

    IAsyncEnumerable<Finding> InstallAsync(CancellationToken cancellationToken);

    IAsyncEnumerable<Finding> UninstallAsync(CancellationToken cancellationToken);
}
