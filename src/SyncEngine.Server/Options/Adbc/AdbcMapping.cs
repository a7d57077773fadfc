using System.Globalization;
using Npgsql;
using SyncEngine.Postgres.Administration;

namespace SyncEngine.Server.Options.Adbc;

/// <summary>Maps adbc's settings to our own keys.</summary>
static class AdbcMapping
{
    public const string Database = "SyncEngine:Outbox:Database";

    private static readonly TimeSpan defaultInterval = TimeSpan.FromSeconds(1);

    /// <summary>The shortest heartbeat that our option takes, so that an error about a short timeout names the timeout.</summary>
    private static readonly TimeSpan leastHeartbeat = TimeSpan.FromMilliseconds(50);

    private static readonly Dictionary<string, LogLevel> levels = new(StringComparer.OrdinalIgnoreCase)
    {
        ["debug"] = LogLevel.Debug,
        ["info"] = LogLevel.Information,
        ["warn"] = LogLevel.Warning,
        ["error"] = LogLevel.Error,
        ["fatal"] = LogLevel.Critical,
        ["panic"] = LogLevel.Critical,
    };

    /// <summary>Values by our own keys, <c>Logging:</c> among them, with the defaults that are adbc's and not ours.</summary>
    /// <exception cref="OperatorException">A value that its key does not take.</exception>
    public static Dictionary<string, string?> ToOurKeys(IReadOnlyDictionary<AdbcKey, AdbcValue> values)
    {
        var ours = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase)
        {
            ["SyncEngine:Outbox:Debounce"] = defaultInterval.ToString("c"),
            ["SyncEngine:Outbox:HealthAddress"] = ":2259",
            ["SyncEngine:Outbox:Targets:0:Target"] = "ably",
        };
        foreach (var (key, value) in values)
        {
            var text = Read(key, value);
            foreach (var target in key.Targets)
            {
                ours[target] = text;
            }
        }

        ours[Database] = Address(values);
        if (Given(values, "heartbeat.timeout") is { } timeout)
        {
            var expiry = Read(AdbcKey.Find("heartbeat.timeout")!, timeout);
            SpaceHeartbeats(ours, TimeSpan.ParseExact(expiry, "c", CultureInfo.InvariantCulture));
        }

        SetLogging(ours, Given(values, "env"), Given(values, "log.level"));
        return ours;
    }

    private static AdbcValue? Given(IReadOnlyDictionary<AdbcKey, AdbcValue> values, string path) =>
        values.GetValueOrDefault(AdbcKey.Find(path)!);

    private static string Read(AdbcKey key, AdbcValue value) => key.Kind switch
    {
        AdbcKind.Text => value.Text,
        AdbcKind.Number => ushort.TryParse(value.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0
            ? number.ToString(CultureInfo.InvariantCulture)
            : throw new OperatorException($"{value.Origin} must be a number from 1 to 65535"),
        // The forms of Go's strconv.ParseBool.
        AdbcKind.Boolean => value.Text switch
        {
            "1" or "t" or "T" or "true" or "True" or "TRUE" => "true",
            "0" or "f" or "F" or "false" or "False" or "FALSE" => "false",
            _ => throw new OperatorException($"{value.Origin} must be true or false"),
        },
        AdbcKind.Duration => GoDuration.TryParse(value.Text, out var duration)
            ? duration.ToString("c")
            : throw new OperatorException($"{value.Origin} must be a duration such as 500ms, 1s or 1m30s"),
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    /// <summary>The URI where there is one; else the parts.</summary>
    private static string? Address(IReadOnlyDictionary<AdbcKey, AdbcValue> values)
    {
        if (Given(values, "postgres.connectionUri") is { } uri)
        {
            return uri.Text;
        }

        if (!values.Keys.Any(key => key.Targets.Contains(Database, StringComparer.Ordinal)))
        {
            return null;
        }

        var address = new NpgsqlConnectionStringBuilder
        {
            Host = Given(values, "postgres.host")?.Text ?? "localhost",
            Database = Given(values, "postgres.database")?.Text,
            Username = Given(values, "postgres.user")?.Text,
            Password = Given(values, "postgres.password")?.Text,
        };
        if (Given(values, "postgres.port") is { } port)
        {
            address.Port = int.Parse(port.Text, NumberStyles.None, CultureInfo.InvariantCulture);
        }

        return address.ConnectionString;
    }

    /// <summary>adbc has the one number; ours that must fit it follow it.</summary>
    private static void SpaceHeartbeats(Dictionary<string, string?> ours, TimeSpan expiry)
    {
        var standard = new Connectors.Outbox.OutboxOptions();
        ours["SyncEngine:Outbox:Heartbeat"] = Max(leastHeartbeat, Min(standard.Heartbeat, expiry / 3)).ToString("c");
        ours["SyncEngine:Outbox:LockDuration"] = Max(standard.LockDuration, expiry).ToString("c");

        static TimeSpan Min(TimeSpan left, TimeSpan right) => left < right ? left : right;
        static TimeSpan Max(TimeSpan left, TimeSpan right) => left > right ? left : right;
    }

    private static void SetLogging(Dictionary<string, string?> ours, AdbcValue? environment, AdbcValue? level)
    {
        if (environment is not null)
        {
            var isProduction = environment.Text switch
            {
                "production" => true,
                "development" => false,
                _ => throw new OperatorException($"{environment.Origin} must be development or production"),
            };
            ours["Logging:Console:FormatterName"] = isProduction ? "json" : "simple";
            ours["Logging:Console:FormatterOptions:TimestampFormat"] = ServerConfiguration.TimestampFormat + (isProduction ? "" : " ");
            ours[AdbcSource.LogLevelKey] = (isProduction ? LogLevel.Information : LogLevel.Debug).ToString();
        }

        if (level is not null)
        {
            ours[AdbcSource.LogLevelKey] = levels.TryGetValue(level.Text, out var known)
                ? known.ToString()
                : throw new OperatorException($"{level.Origin} must be one of {string.Join(", ", levels.Keys)}");
        }
    }
}
