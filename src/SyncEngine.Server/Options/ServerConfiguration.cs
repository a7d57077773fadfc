using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Options.Adbc;

namespace SyncEngine.Server.Options;

/// <summary>The configuration as server and commands see it: ASP.NET Core's own sources, and those of the tools that the engine replaces.</summary>
static class ServerConfiguration
{
    /// <exception cref="OperatorException">A replaced tool's configuration that cannot be read.</exception>
    public static WebApplicationBuilder CreateBuilder(string[] arguments)
    {
        var builder = WebApplication.CreateBuilder(arguments);
        AdbcSource.Add(builder.Configuration, Environment.CurrentDirectory, Environment.GetFolderPath(Environment.SpecialFolder.UserProfile));
        return builder;
    }
}
