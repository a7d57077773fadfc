namespace SyncEngine.AblySimulator;

/// <summary>The shape of the answer to a batch, which differs by protocol version.</summary>
public enum BatchShape
{
    /// <summary>One array of results; with failures 400/40020 and the array as <c>batchResponse</c>.</summary>
    Results,

    /// <summary>One <c>{successCount, failureCount, results}</c> per spec, always 201.</summary>
    CountedPerSpec,

    /// <summary>A single <c>{successCount, failureCount, results}</c>, always 201.</summary>
    Counted,
}

/// <summary>The limits of the simulated account, and how much of the traffic is kept. Rate limits are off unless given.</summary>
public sealed record SimulatorOptions
{
    /// <summary>Port on loopback; 0 lets the system choose.</summary>
    public int Port { get; init; }

    /// <summary>For windows, expiry and rates.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Bytes of name, data, clientId and extras of a whole publish.</summary>
    public int MaxMessageBytes { get; init; } = 65_536;

    /// <summary>Distinct channels of a batch.</summary>
    public int MaxBatchChannels { get; init; } = 100;

    /// <summary>The time for which a channel remembers an id.</summary>
    public TimeSpan IdempotencyWindow { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Messages a second on one channel (Ably: 50).</summary>
    public int? ChannelMessagesPerSecond { get; init; }

    /// <summary>Bytes a second on one channel (Ably: 1 MiB).</summary>
    public int? ChannelBytesPerSecond { get; init; }

    /// <summary>Requests a second of the account (Ably's free plan: 50).</summary>
    public int? AccountRequestsPerSecond { get; init; }

    public BatchShape BatchShape { get; init; }

    /// <summary>The life of tokens whose request names none.</summary>
    public TimeSpan TokenLifetime { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Off: messages and arrivals are counted alone.</summary>
    public bool KeepMessages { get; init; } = true;

    /// <summary>Off: requests are counted alone.</summary>
    public bool KeepRequests { get; init; } = true;
}
