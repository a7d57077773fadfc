namespace SyncEngine.Postgres.Administration;

public enum FindingKind
{
    /// <summary>As it should be.</summary>
    Good,

    /// <summary>Works, and is worth knowing.</summary>
    Note,

    /// <summary>Something was made, changed or removed just now.</summary>
    Done,

    /// <summary>Not as it should be.</summary>
    Missing,
}

/// <summary>One line of a command's answer.</summary>
/// <param name="Mend">The SQL that mends it, when there is one.</param>
public sealed record Finding(FindingKind Kind, string Text, string? Mend = null)
{
    public override string ToString() => $"{Kind switch
    {
        FindingKind.Good => "ok",
        FindingKind.Note => "note",
        FindingKind.Done => "done",
        FindingKind.Missing => "missing",
        _ => throw new System.Diagnostics.UnreachableException(),
    },-8}{Text}{(Mend is null ? "" : $"  --  {Mend};")}";
}

/// <summary>
/// A part of the engine that keeps something in a database. The commands <c>check</c>, <c>setup</c> and <c>uninstall</c> run every part that is configured.
/// </summary>
/// <remarks>Each method may be run any number of times and reports what it found or did, in order. What stops it is thrown: <see cref="OperatorException"/>, or the driver's exception.</remarks>
public interface IInstallation
{
    /// <summary>Changes nothing.</summary>
    IAsyncEnumerable<Finding> CheckAsync(CancellationToken cancellationToken);

    IAsyncEnumerable<Finding> InstallAsync(CancellationToken cancellationToken);

    IAsyncEnumerable<Finding> UninstallAsync(CancellationToken cancellationToken);
}
