using Microsoft.Extensions.Configuration.Json;
using Microsoft.Extensions.Configuration.Memory;
using SyncEngine.Postgres.Administration;

namespace SyncEngine.Server.Options.Adbc;

/// <summary>
/// Adds adbc's own configuration, unchanged, as a source of ours: the environment, over it the YAML file, over it the flags.
/// Explicit keys of ours win over all of them.
/// </summary>
static class AdbcSource
{
    /// <summary>The section of adbc's flags, apart from everything else called <c>env</c> or <c>config</c>.</summary>
    public const string FlagsSection = "adbc:flags";

    /// <summary>The option of the command line that names the file.</summary>
    public const string FileKey = "adbc-config";

    /// <summary>The log level. It is inserted above the settings files, because appsettings.json has a level of its own.</summary>
    public const string LogLevelKey = "Logging:LogLevel:Default";

    /// <summary>The file that was read, or empty, when adbc's configuration is used.</summary>
    private const string OpenKey = "adbc:open";

    /// <summary>The section of our keys, each with the name under which the user gave its value.</summary>
    private const string OriginSection = "adbc:origin";

    /// <summary>The section of our keys, each with adbc's value. A key with another value was given under our own name.</summary>
    private const string ValueSection = "adbc:value";

    /// <param name="folders">The folders that are searched for a file when none is named, in order.</param>
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
            var level = KeyValuePair.Create(LogLevelKey, (string?)logLevel);
            sources.Insert(afterFiles, new MemoryConfigurationSource { InitialData = [level] });
        }

        sources.Insert(0, new MemoryConfigurationSource { InitialData = ours });
    }

    /// <summary>True when adbc's configuration is used; <paramref name="file"/> is null when none of its sources is a file.</summary>
    public static bool IsOpen(IConfiguration configuration, out string? file)
    {
        file = configuration[OpenKey] is { Length: > 0 } path ? path : null;
        return configuration[OpenKey] is not null;
    }

    /// <summary>Replaces our keys in an error by the names under which the user gave their values.</summary>
    public static OperatorException WithGivenNames(OperatorException error, IConfiguration configuration)
    {
        var origins = configuration.GetSection(OriginSection)
            .AsEnumerable(makePathsRelative: true)
            .Where(one => one.Value is not null)
            .OrderByDescending(one => one.Key.Length);
        foreach (var origin in origins)
        {
            var isAdbcs = configuration[origin.Key] == configuration[$"{ValueSection}:{origin.Key}"];
            if (isAdbcs && error.Message.Contains(origin.Key, StringComparison.OrdinalIgnoreCase))
            {
                return new OperatorException(error.Message.Replace(origin.Key, origin.Value, StringComparison.OrdinalIgnoreCase), error);
            }
        }

        return error;
    }

    /// <summary>The name under which the user gave the value of one of our keys: adbc's name where the value came from there.</summary>
    public static string NameOf(string key, IConfiguration configuration) =>
        configuration[$"{OriginSection}:{key}"] is { } origin && configuration[key] == configuration[$"{ValueSection}:{key}"]
            ? origin
            : key;

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

    /// <remarks>
    /// Errors about a missing value name the file's key, or without a file the variable. Errors about an address name its first part that
    /// is given.
    /// </remarks>
    private static void AddOrigins(Dictionary<string, string?> ours, Dictionary<AdbcKey, AdbcValue> values, string? file)
    {
        foreach (var target in AdbcKey.All.SelectMany(key => key.Targets).Distinct(StringComparer.Ordinal))
        {
            var keys = AdbcKey.All.Where(key => key.Targets.Contains(target, StringComparer.Ordinal)).ToList();
            ours[$"{OriginSection}:{target}"] = keys.Where(values.ContainsKey).Select(key => values[key].Origin).FirstOrDefault()
                ?? (file is null ? keys[0].Environment : $"{keys[0].Path} in {file}");
            ours[$"{ValueSection}:{target}"] = ours.GetValueOrDefault(target);
        }
    }
}
