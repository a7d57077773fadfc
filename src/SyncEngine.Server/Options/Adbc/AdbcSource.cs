using Microsoft.Extensions.Configuration.Json;
using Microsoft.Extensions.Configuration.Memory;
using SyncEngine.Postgres.Administration;

namespace SyncEngine.Server.Options.Adbc;

/// <summary>
/// adbc's own configuration, unchanged, as a source of ours: the environment, over it the YAML file, over it the flags. Explicit keys of ours win over all of them.
/// </summary>
static class AdbcSource
{
    /// <summary>Where the command line puts adbc's flags, apart from everything else called <c>env</c> or <c>config</c>.</summary>
    public const string FlagsSection = "adbc:flags";

    /// <summary>Names the file, as an option of the command line.</summary>
    public const string FileKey = "adbc-config";

    /// <summary>Ours is not lowest here: appsettings.json comes with a level of its own.</summary>
    public const string LogLevelKey = "Logging:LogLevel:Default";

    /// <summary>Set to the file that was read, or empty, when adbc's configuration is used.</summary>
    private const string OpenKey = "adbc:open";

    /// <summary>Below it: our keys, each with what the user calls it.</summary>
    private const string OriginSection = "adbc:origin";

    /// <summary>Below it: our keys, each with adbc's value; another value is the user's under our own name.</summary>
    private const string ValueSection = "adbc:value";

    /// <param name="folders">Where a file that nobody names is looked for, in order.</param>
    /// <exception cref="OperatorException">What is wrong, in one line that names the key.</exception>
    public static void Add(ConfigurationManager configuration, params IEnumerable<string> folders)
    {
        if (Read(configuration, folders) is not { } found)
        {
            return;
        }

        var (ours, logLevel) = found;
        var sources = ((IConfigurationBuilder)configuration).Sources;
        if (logLevel is not null)
        {
            var afterFiles = sources.ToList().FindLastIndex(source => source is JsonConfigurationSource) + 1;
            sources.Insert(afterFiles, new MemoryConfigurationSource { InitialData = [KeyValuePair.Create(LogLevelKey, (string?)logLevel)] });
        }

        sources.Insert(0, new MemoryConfigurationSource { InitialData = ours });
    }

    /// <summary>Whether adbc's configuration is used; <paramref name="file"/> is null when there is none among its sources.</summary>
    public static bool IsOpen(IConfiguration configuration, out string? file)
    {
        file = configuration[OpenKey] is { Length: > 0 } path ? path : null;
        return configuration[OpenKey] is not null;
    }

    /// <summary>An error in the words of the user: our keys as they are called where their values came from.</summary>
    public static OperatorException InTheirWords(OperatorException error, IConfiguration configuration)
    {
        foreach (var origin in configuration.GetSection(OriginSection).AsEnumerable(makePathsRelative: true).Where(one => one.Value is not null).OrderByDescending(one => one.Key.Length))
        {
            if (error.Message.Contains(origin.Key, StringComparison.OrdinalIgnoreCase) && configuration[origin.Key] == configuration[$"{ValueSection}:{origin.Key}"])
            {
                return new OperatorException(error.Message.Replace(origin.Key, origin.Value, StringComparison.OrdinalIgnoreCase), error);
            }
        }

        return error;
    }

    /// <summary>What the user calls one of our keys: adbc's name where its value came from there.</summary>
    public static string NameOf(string key, IConfiguration configuration) =>
        configuration[$"{OriginSection}:{key}"] is { } origin && configuration[key] == configuration[$"{ValueSection}:{key}"] ? origin : key;

    private static (Dictionary<string, string?> Ours, string? LogLevel)? Read(IConfiguration configuration, IEnumerable<string> folders)
    {
        var values = new Dictionary<AdbcKey, AdbcValue>();
        foreach (var key in AdbcKey.All)
        {
            Take(key, configuration[key.Environment], key.Environment);
        }

        var file = AdbcFile.Find(configuration[FileKey], folders);
        foreach (var (key, value) in file is null ? new Dictionary<AdbcKey, AdbcValue>() : AdbcFile.Read(file))
        {
            Take(key, value.Text, value.Origin);
        }

        foreach (var key in AdbcKey.All)
        {
            Take(key, configuration[$"{FlagsSection}:{key.Flag}"], $"--{key.Flag}");
        }

        if (values.Count == 0 && file is null)
        {
            return null;
        }

        var ours = AdbcMapping.ToOurKeys(values);
        ours.Remove(LogLevelKey, out var logLevel);
        ours[OpenKey] = file ?? "";
        AddOrigins(ours, values, file);
        return (ours, logLevel);

        // An empty variable or key counts as not given, so that a compose file may pass on what it does not have.
        void Take(AdbcKey key, string? text, string origin)
        {
            if (!string.IsNullOrWhiteSpace(text))
            {
                values[key] = new AdbcValue(text, origin);
            }
        }
    }

    /// <remarks>Where nothing is given, the file's key stands for what is missing, without a file the variable; of the parts of an address, the first given one stands for all.</remarks>
    private static void AddOrigins(Dictionary<string, string?> ours, Dictionary<AdbcKey, AdbcValue> values, string? file)
    {
        foreach (var target in AdbcKey.All.SelectMany(key => key.Targets).Distinct(StringComparer.Ordinal))
        {
            var keys = AdbcKey.All.Where(key => key.Targets.Contains(target, StringComparer.Ordinal)).ToList();
            ours[$"{OriginSection}:{target}"] = keys.Where(values.ContainsKey).Select(key => values[key].Origin).FirstOrDefault() ?? (file is null ? keys[0].Environment : $"{keys[0].Path} in {file}");
            ours[$"{ValueSection}:{target}"] = ours.GetValueOrDefault(target);
        }
    }
}
