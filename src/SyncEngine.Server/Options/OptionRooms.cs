using System.Reflection;
using SyncEngine.Connectors;
using SyncEngine.Connectors.Outbox;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Embedded;

namespace SyncEngine.Server.Options;

/// <summary>One room of the configuration: a section and the record that it is bound to.</summary>
/// <param name="SetByHost">A property that is no option.</param>
sealed record OptionRoom(string Section, Type Type, string? SetByHost = null)
{
    public IEnumerable<PropertyInfo> Options => OptionsBinder.Properties(Type).Where(property => !property.Name.Equals(SetByHost, StringComparison.Ordinal));
}

/// <summary>Every room there is. What is under <c>SyncEngine:</c> and not here gives a warning at start.</summary>
static class OptionRooms
{
    public const string Root = "SyncEngine";

    public static IReadOnlyList<OptionRoom> All { get; } =
    [
        new(DatabaseOptions.Section, typeof(DatabaseOptions)),
        new(EmbeddedPostgresOptions.Section, typeof(EmbeddedPostgresOptions), nameof(EmbeddedPostgresOptions.ContentRoot)),
        new(ReplicationOptions.Section, typeof(ReplicationOptions)),
        new(AuthenticationOptions.Section, typeof(AuthenticationOptions)),
        new(LimitOptions.Section, typeof(LimitOptions)),
        new(DeliveryOptions.Section, typeof(DeliveryOptions)),
        new(SubscriptionOptions.Section, typeof(SubscriptionOptions)),
        new(QueryOptions.Section, typeof(QueryOptions)),
        new(CorsOptions.Section, typeof(CorsOptions)),
        new(OtlpOptions.Section, typeof(OtlpOptions)),
        new(OutboxOptions.Section, typeof(OutboxOptions)),
        .. TargetCatalog.All.Where(kind => kind.HasOptions).Select(kind => new OptionRoom(kind.Section!, kind.OptionsType!)),
    ];
}
