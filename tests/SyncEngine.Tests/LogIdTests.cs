using System.Reflection;
using Microsoft.Extensions.Logging;
using SyncEngine.Connectors;
using SyncEngine.Postgres.Outbox;
using SyncEngine.Server.Options;
using Xunit;

namespace SyncEngine.Tests;

/// <summary>The ids of log messages in all projects.</summary>
public sealed class LogIdTests
{
    private static readonly Assembly[] projects =
        [typeof(LiveQueryEngine).Assembly, typeof(OutboxTable).Assembly, typeof(TargetCatalog).Assembly, typeof(OutboxSettings).Assembly];

    [Fact]
    public void Each_log_message_has_an_id_of_its_own()
    {
        var messages = projects
            .SelectMany(project => project.GetTypes())
            .SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            .Select(method => (Method: $"{method.DeclaringType!.FullName}.{method.Name}", method.GetCustomAttribute<LoggerMessageAttribute>()?.EventId))
            .Where(message => message.EventId is not null)
            .ToList();
        Assert.True(messages.Count > 40, $"only {messages.Count} log messages were found");
        Assert.Empty(messages
            .GroupBy(message => message.EventId)
            .Where(same => same.Count() > 1)
            .Select(same => $"{same.Key}: {string.Join(", ", same.Select(message => message.Method))}"));
        Assert.All(messages, message => Assert.NotEqual(-1, message.EventId));
    }
}
