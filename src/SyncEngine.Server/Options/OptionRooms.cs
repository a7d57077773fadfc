using System.Reflection;
using SyncEngine.Connectors;
using SyncEngine.Connectors.Outbox;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Embedded;

namespace SyncEngine.Server.Options;

/// <summary>One room of the configuration: a section and the record that it is bound to.</summary>
abstract record OptionRoom(string Section, Type Type)
{
    /// <summary>A property that is not an option.</summary>
    public string? SetByHost { get; init; }

    public IEnumerable<PropertyInfo> Options =>
        OptionsBinder.Properties(Type).Where(property => !property.Name.Equals(SetByHost, StringComparison.Ordinal));

    /// <summary>A room whose record is known at run time only.</summary>
    public static OptionRoom Of(string section, Type type) =>
        (OptionRoom)Activator.CreateInstance(typeof(OptionRoom<>).MakeGenericType(type), section)!;

    /// <inheritdoc cref="OptionsBinder.Bind{T}"/>
    public abstract object Bind(IConfiguration configuration);
}

/// <inheritdoc/>
sealed record OptionRoom<T>(string Section) : OptionRoom(Section, typeof(T))
    where T : class, new()
{
    public override object Bind(IConfiguration configuration) => OptionsBinder.Bind<T>(configuration, Section);
}

/// <summary>Lists every room. A key under <c>SyncEngine:</c> that is in none of them gives a warning at start.</summary>
static class OptionRooms
{
    public const string Root = "SyncEngine";

    public static IReadOnlyList<OptionRoom> All { get; } =
    [
        new OptionRoom<DatabaseOptions>(DatabaseOptions.Section),
        new OptionRoom<EmbeddedPostgresOptions>(EmbeddedPostgresOptions.Section)
        {
            SetByHost = nameof(EmbeddedPostgresOptions.ContentRoot),
        },
        new OptionRoom<ReplicationOptions>(ReplicationOptions.Section),
        new OptionRoom<AuthenticationOptions>(AuthenticationOptions.Section),
        new OptionRoom<LimitOptions>(LimitOptions.Section),
        new OptionRoom<DeliveryOptions>(DeliveryOptions.Section),
        new OptionRoom<SubscriptionOptions>(SubscriptionOptions.Section),
        new OptionRoom<QueryOptions>(QueryOptions.Section),
        new OptionRoom<CorsOptions>(CorsOptions.Section),
        new OptionRoom<OtlpOptions>(OtlpOptions.Section),
        new OptionRoom<OutboxOptions>(OutboxOptions.Section),
        .. TargetCatalog.All.Where(kind => kind.HasOptions).Select(kind => OptionRoom.Of(kind.Section!, kind.OptionsType!)),
    ];

    /// <summary>Reads every room and drops the result, so that a wrong value ends the start before anything is opened or created.</summary>
    /// <exception cref="OperatorException">A value that cannot be read, or is out of its bounds.</exception>
    public static void Validate(IConfiguration configuration)
    {
        foreach (var room in All)
        {
            room.Bind(configuration);
        }
    }
}
