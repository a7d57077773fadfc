using Microsoft.Extensions.Configuration.Memory;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Options.Adbc;

namespace SyncEngine.Server.Options;

/// <summary>
/// Builds the configuration of server and commands: ASP.NET Core's own sources, and those of the tools that the engine replaces.
/// </summary>
static class ServerConfiguration
{
    public const string TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";

    private static IEnumerable<KeyValuePair<string, string?>> LogDefaults =>
    [
        new("Logging:LogLevel:Microsoft", nameof(LogLevel.Warning)),
        // Without a name the options of a formatter have no effect.
        new("Logging:Console:FormatterName", "simple"),
        new("Logging:Console:FormatterOptions:TimestampFormat", TimestampFormat + " "),
        new("Logging:Console:FormatterOptions:UseUtcTimestamp", "true"),
    ];

    /// <exception cref="OperatorException">A replaced tool's configuration that cannot be read.</exception>
    public static WebApplicationBuilder CreateBuilder(string[] arguments)
    {
        var builder = WebApplication.CreateBuilder(arguments);
        AdbcSource.Add(
            builder.Configuration,
            CallersFolder(Environment.CurrentDirectory, Environment.GetEnvironmentVariable("PWD")),
            Environment.CurrentDirectory,
            Environment.GetFolderPath(Environment.SpecialFolder.UserProfile));
        // Lowest of all: appsettings.json is not there where the program runs in another folder.
        ((IConfigurationBuilder)builder.Configuration).Sources.Insert(0, new MemoryConfigurationSource { InitialData = LogDefaults });
        return builder;
    }

    /// <summary>
    /// The folder that the program was called from. <c>dotnet run --project</c> starts it in the project's folder, and only the shell's
    /// variable has the caller's. In any other folder that variable may be a leftover, and is ignored.
    /// </summary>
    internal static string CallersFolder(string current, string? shells) =>
        File.Exists(Path.Combine(current, "SyncEngine.Server.csproj")) && Directory.Exists(shells) ? shells : current;
}
