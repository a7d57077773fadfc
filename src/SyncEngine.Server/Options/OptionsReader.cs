using System.ComponentModel.DataAnnotations;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Embedded;

namespace SyncEngine.Server.Options;

/// <summary>Reads and validates a room's options from the configuration; what is wrong is one line that names the key.</summary>
static class OptionsReader
{
    /// <exception cref="OperatorException">A value that cannot be read or is out of its bounds.</exception>
    public static T Read<T>(IConfiguration configuration, string section)
        where T : class, new()
    {
        T options;
        try
        {
            options = configuration.GetSection(section).Get<T>() ?? new T();
        }
        catch (InvalidOperationException exception)
        {
            // "Failed to convert configuration value 'x' at 'SyncEngine:…' to type '…'."
            throw new OperatorException($"the configuration cannot be read: {exception.Message.TrimEnd('.')}; correct that key", exception);
        }

        var wrong = new List<ValidationResult>();
        if (!Validator.TryValidateObject(options, new ValidationContext(options), wrong, validateAllProperties: true))
        {
            throw new OperatorException($"the configuration is wrong at {section}:{wrong[0].MemberNames.FirstOrDefault()}: {wrong[0].ErrorMessage?.TrimEnd('.')}");
        }

        return options;
    }

    public static DatabaseOptions Database(IConfiguration configuration) => Read<DatabaseOptions>(configuration, DatabaseOptions.Section);

    /// <remarks>A list may be written in one value, separated by commas, as environment variables and the command line want it.</remarks>
    public static ReplicationOptions Replication(IConfiguration configuration)
    {
        var options = Read<ReplicationOptions>(configuration, ReplicationOptions.Section);
        return configuration[$"{ReplicationOptions.Section}:{nameof(ReplicationOptions.Schemas)}"] is { Length: > 0 } list
            ? options with { Schemas = list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) }
            : options;
    }

    public static EmbeddedPostgresOptions Embedded(IConfiguration configuration, string contentRoot) =>
        Read<EmbeddedPostgresOptions>(configuration, EmbeddedPostgresOptions.Section) with { ContentRoot = contentRoot };
}
