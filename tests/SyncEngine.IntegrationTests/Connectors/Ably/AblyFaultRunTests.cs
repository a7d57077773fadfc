using SyncEngine.AblySimulator;
using SyncEngine.Connectors.Targets;
using Xunit;
using static SyncEngine.IntegrationTests.Connectors.Ably.AblyFixture;

namespace SyncEngine.IntegrationTests.Connectors.Ably;

/// <summary>Many channels, each sending one message after the other as the outbox does, while faults of every kind come and go.</summary>
public sealed class AblyFaultRunTests
{
    private const int Channels = 60;
    private const int MessagesPerChannel = 20;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Every_message_is_seen_once_and_in_order(int seed)
    {
        await using var ably = await SimulatedAbly.StartAsync(new SimulatorOptions { BatchShape = (BatchShape)(seed % 3) });
        await using var target = Target(ably, options => options with { ConcurrentRequests = 4, UseTokens = true });
        using var done = new CancellationTokenSource();
        var faults = InjectAsync(ably, new Random(seed), done.Token);
        var channels = Enumerable.Range(0, Channels).Select(number => $"channel/{number}").ToArray();
        await Task.WhenAll(channels.Select(channel => SendAllAsync(target, channel)));
        await done.CancelAsync();
        await faults;

        var expected = Enumerable.Range(1, MessagesPerChannel).Select(id => id.ToString());
        Assert.All(channels, channel => Assert.Equal(expected, ably.Messages(channel).Select(message => message.Id)));
        Assert.Contains(ably.Arrivals, arrival => arrival.InBatch);
        Assert.Contains(ably.Arrivals, arrival => arrival.Outcome is Outcome.Repeated);
        Assert.True(ably.TokensIssued > 1);
    }

    private static async Task SendAllAsync(IMessageTarget target, string channel)
    {
        for (var id = 1; id <= MessagesPerChannel; id++)
        {
            PublishResult result;
            do
            {
                result = await target.PublishAsync([Message(channel, id)], TestContext.Current.CancellationToken);
                Assert.NotEqual(RefusalKind.Never, result.Refusal?.Kind);
            }
            while (result.Refusal is not null);
        }
    }

    /// <summary>A new fault every few requests; no more than a few at once.</summary>
    private static async Task InjectAsync(SimulatedAbly ably, Random random, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                var until = ably.RequestCount + random.Next(1, 15);
                await ably.WaitUntilAsync(_ => ably.RequestCount >= until, Deadline, cancellationToken);
                Fault fault = random.Next(7) switch
                {
                    0 => new Fault.LoseAnswer(),
                    1 => new Fault.StoreThenFail(),
                    2 => new Fault.Refuse(503, 50003),
                    3 => new Fault.Refuse(429, 42918),
                    4 => new Fault.Reset(),
                    5 => new Fault.ContentNetwork(),
                    _ => new Fault.Delay(TimeSpan.FromMilliseconds(20)),
                };
                ably.Inject(fault, random.Next(2) == 0 ? null : $"*{random.Next(10)}", times: random.Next(1, 4));
                if (random.Next(5) == 0)
                {
                    ably.RevokeTokens();
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // all is sent
        }
    }
}
