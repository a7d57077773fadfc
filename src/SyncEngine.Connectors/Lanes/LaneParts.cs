using Microsoft.Extensions.Logging;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Connectors.Lanes;

/// <summary>The bounds of lanes.</summary>
/// <param name="BatchSize">Items of one lane that are added at once. A lane takes more when half of them are gone.</param>
/// <param name="RetryDelay">The first pause after a refusal; it doubles.</param>
/// <param name="MaxRetryDelay">The longest pause, unless the target asks for a longer one.</param>
sealed record LaneOptions(int BatchSize, TimeSpan RetryDelay, TimeSpan MaxRetryDelay)
{
    public int HalfBatch => BatchSize / 2;
}

/// <summary>The parts that all lanes of one set share.</summary>
sealed record LaneParts<TItem>(
    ILaneSource<TItem> Source, ISettlement<TItem> Settlement, LaneOptions Options, RetryClock Clock, ILogger Logger);

/// <summary>A channel whose target refuses its next message for now.</summary>
public sealed record BlockedChannel(string Channel, string Target, string Code, string Reason, DateTimeOffset Since, int Tries);
