using Microsoft.Extensions.Configuration.Memory;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Options.Adbc;

namespace SyncEngine.Server.Options;

/// <summary>The configuration as server and commands see it: ASP.NET Core's own sources, and those of the tools that the engine replaces.</summary>
static class ServerConfiguration
{
    public const string TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";

    private static IEnumerable<KeyValuePair<string, string?>> LogDefaults =>
    [
        new("Logging:LogLevel:Microsoft", nameof(LogLevel.Warning)),
        // Without a name the options of a formatter are not looked at.
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
    /// Where the program was called from: <c>dotnet run --project</c> starts it in the project's folder, and only the shell's variable tells of the other.
    /// Elsewhere that variable may be a forgotten one, and is not believed.
    /// </summary>
    internal static string CallersFolder(string current, string? shells) =>
        File.Exists(Path.Combine(current, "SyncEngine.Server.csproj")) && Directory.Exists(shells) ? shells : current;
}
