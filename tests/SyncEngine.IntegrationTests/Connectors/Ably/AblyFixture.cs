using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using SyncEngine.AblySimulator;
using SyncEngine.Connectors.Ably;
using SyncEngine.Connectors.Targets;
using Xunit;

namespace SyncEngine.IntegrationTests.Connectors.Ably;

/// <summary>The shared parts of the Ably tests: deadline, messages, and a target on a simulator.</summary>
static class AblyFixture
{
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    public static AblyTarget Target(
        SimulatedAbly ably, Func<AblyOptions, AblyOptions>? change = null, TimeProvider? time = null, ILogger<AblyTarget>? logger = null,
        AblyTimeouts? timeouts = null)
    {
        var options = new AblyOptions { Key = ably.Key, Endpoint = ably.Address.ToString() };
        return Target(change?.Invoke(options) ?? options, [ably.Address], time, logger, timeouts);
    }

    /// <summary>On hosts of the test's choice, the first of which is the main one.</summary>
    public static AblyTarget Target(
        AblyOptions options, IReadOnlyList<Uri> hosts, TimeProvider? time = null, ILogger<AblyTarget>? logger = null,
        AblyTimeouts? timeouts = null)
    {
        time ??= TimeProvider.System;
        return new AblyTarget(
            options, new AblyHosts(hosts[0], [.. hosts.Skip(1)], time, new Random(1)), timeouts ?? AblyTimeouts.Default, time,
            logger ?? new CollectingLogger());
    }

    public static OutboundMessage Message(string channel, int id, string? data = "{}", string headers = """{"x-ably-models-event-uuid":"m"}""") =>
        new(channel, id.ToString(), "event", data, headers);

    public static Task<PublishResult> PublishAsync(this AblyTarget target, OutboundMessage message) =>
        target.PublishAsync([message], TestContext.Current.CancellationToken);

    public static Task<PublishResult> PublishAsync(this AblyTarget target, string channel, int id) =>
        target.PublishAsync(Message(channel, id));

    public static void IsStored(PublishResult result) => Assert.Equal(new PublishResult(1), result);

    public static Refusal IsRefused(PublishResult result, RefusalKind kind, string code)
    {
        Assert.Equal(0, result.Stored);
        Assert.Equal((kind, code), (result.Refusal!.Kind, result.Refusal.Code));
        return result.Refusal;
    }
}

/// <summary>Keeps every line.</summary>
sealed class CollectingLogger : ILogger<AblyTarget>
{
    public ConcurrentQueue<string> Lines { get; } = new();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Lines.Enqueue($"{logLevel}: {formatter(state, exception)} {exception}");
}
