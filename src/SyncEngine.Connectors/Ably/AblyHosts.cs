namespace SyncEngine.Connectors.Ably;

/// <summary>
/// The hosts of requests: the main host while it answers, else fallback hosts in random order. One that worked is kept for ten minutes.
/// </summary>
sealed class AblyHosts(Uri main, IReadOnlyList<Uri> fallbacks, TimeProvider time, Random random)
{
    private const int MaxFallbacks = 3;
    private static readonly TimeSpan keptFor = TimeSpan.FromMinutes(10);

    private readonly Lock access = new(); // requests run beside each other, and Random is not thread safe
    private (Uri Host, DateTimeOffset Until)? kept;

    /// <summary>Ably's own hosts, or the configured endpoint, which has no fallbacks.</summary>
    public static AblyHosts For(AblyOptions options, TimeProvider time, Random random) =>
        options.Endpoint is { } endpoint
            ? new AblyHosts(new Uri(endpoint), [], time, random)
            : new AblyHosts(
                new Uri("https://main.realtime.ably.net"),
                [.. "abcde".Select(letter => new Uri($"https://main.{letter}.fallback.ably-realtime.com"))],
                time,
                random);

    public Uri Main => main;

    /// <summary>The hosts to try for one request, in order.</summary>
    public IReadOnlyList<Uri> Candidates()
    {
        if (fallbacks.Count == 0)
        {
            return [main];
        }

        lock (access)
        {
            if (kept is { } expired && time.GetUtcNow() >= expired.Until)
            {
                kept = null;
            }

            var shuffled = fallbacks.ToArray();
            random.Shuffle(shuffled);
            return kept is { Host: var working }
                ? [working, main, .. shuffled.Where(host => host != working).Take(MaxFallbacks - 1)]
                : [main, .. shuffled.Take(MaxFallbacks)];
        }
    }

    /// <returns>True when a fallback host is kept from now on.</returns>
    public bool Worked(Uri host)
    {
        lock (access)
        {
            if (host == main || kept is not null)
            {
                return false; // requests that began earlier change nothing
            }

            kept = (host, time.GetUtcNow() + keptFor);
            return true;
        }
    }

    public void Failed(Uri host)
    {
        lock (access)
        {
            if (kept?.Host == host)
            {
                kept = null;
            }
        }
    }
}
