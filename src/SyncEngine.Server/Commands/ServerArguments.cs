using System.CommandLine;
using SyncEngine.Server.Options;
using SyncEngine.Server.Options.Adbc;

namespace SyncEngine.Server.Commands;

/// <summary>
/// The arguments that are configuration: ours, the host's, and those of the replaced tools, as the configuration reads them.
/// </summary>
sealed class ServerArguments
{
    private static readonly string[] hostKeys =
    [
        "urls", "http_ports", "https_ports", "environment", "contentRoot", "webRoot", "applicationName", "DATABASE_URL",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    ];

    private readonly Option<string> database = new("--database")
    {
        Description = "The database: a postgres:// URL or a libpq or Npgsql key-value string (also DATABASE_URL)",
        HelpName = "address",
        Recursive = true,
    };

    /// <summary>The arguments of the last <see cref="Read"/>.</summary>
    public IReadOnlyList<string> Values { get; private set; } = [];

    /// <summary>Options of other parts, listed for the help. They are passed on as they came.</summary>
    public static IReadOnlyList<Option<string>> Files { get; } =
    [
        new("--urls") { Description = "The addresses to listen on (default http://localhost:5080)", HelpName = "addresses" },
        File("--connector-config", "Run an outbox with the configuration of the Ably Postgres connector (.json or .env)"),
        File("--adbc-config", "Run an outbox with the configuration of adbc (YAML)", "--config"),
        File("--event-proxy-config", "Run event bridges with the configuration of the event proxy (ini)"),
        File("--eventserv-config", "Serve NOTIFY with the configuration of pg_eventserv (TOML)"),
    ];

    /// <summary>
    /// adbc's own flags. They are passed on in a section of their own, because some of their names mean something else to others.
    /// </summary>
    private static IReadOnlyList<(Option<string> Option, AdbcKey Key)> AdbcFlags { get; } =
        [.. AdbcKey.All.Select(key => (FlagOf(key), key))];

    public void AddTo(RootCommand root)
    {
        root.Add(database);
        foreach (var option in Files.Concat(AdbcFlags.Select(flag => flag.Option)))
        {
            root.Add(option);
        }
    }

    public void Read(ParseResult parsed) => Values = [.. Convert(parsed)];

    /// <summary>
    /// Finds an argument that is neither an option of the configuration nor the value of the one before it: a mistyped command, or a short
    /// option.
    /// </summary>
    public string? FindUnknown()
    {
        for (var at = 0; at < Values.Count; at++)
        {
            var isValue = at > 0 && IsOption(Values[at - 1]) && !Values[at - 1].Contains('=', StringComparison.Ordinal);
            if (IsOption(Values[at]) ? !IsConfiguration(Values[at]) : !isValue)
            {
                return Values[at];
            }
        }

        return null;
    }

    private IEnumerable<string> Convert(ParseResult parsed)
    {
        if (parsed.GetValue(database) is { } address)
        {
            yield return $"--{DatabaseOptions.Section}:{nameof(DatabaseOptions.Url)}={address}";
        }

        foreach (var file in Files)
        {
            if (parsed.GetResult(file) is { Tokens: [var token] })
            {
                yield return $"{file.Name}={token.Value}";
            }
        }

        foreach (var (flag, key) in AdbcFlags)
        {
            if (parsed.GetResult(flag) is { Implicit: false } result)
            {
                yield return $"--{AdbcSource.FlagsSection}:{key.Flag}={(result.Tokens.Count > 0 ? result.Tokens[^1].Value : "true")}";
            }
        }

        foreach (var token in parsed.UnmatchedTokens)
        {
            yield return token;
        }
    }

    private static bool IsOption(string argument) => argument.StartsWith("--", StringComparison.Ordinal);

    /// <summary>
    /// True for a key of a room, which has a colon, and for the host's own keys. Anything else is a typing error, such as --databse.
    /// </summary>
    private static bool IsConfiguration(string argument)
    {
        var key = argument[2..].Split('=')[0];
        return key.Contains(':', StringComparison.Ordinal)
            || key.Contains("__", StringComparison.Ordinal)
            || key.StartsWith("ADBC_", StringComparison.Ordinal)
            || hostKeys.Contains(key, StringComparer.OrdinalIgnoreCase)
            || Files.Any(file => file.Name == argument.Split('=')[0]);
    }

    private static Option<string> File(string name, string description, params string[] aliases) =>
        new(name, aliases) { Description = description, HelpName = "file" };

    private static Option<string> FlagOf(AdbcKey key) => new($"--{key.Flag}")
    {
        Description = $"adbc: {key.Description}",
        HelpName = key.Kind.ToString().ToLowerInvariant(),
        Recursive = true,
        Arity = key.Kind == AdbcKind.Boolean ? ArgumentArity.ZeroOrOne : ArgumentArity.ExactlyOne,
    };
}
