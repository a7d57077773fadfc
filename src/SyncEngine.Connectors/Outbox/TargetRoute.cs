using SyncEngine.Connectors.Targets;

namespace SyncEngine.Connectors.Outbox;

/// <summary>A rule of the outbox: channels and their target.</summary>
/// <param name="Pattern">A channel's name, <c>*</c> stands for any run of characters.</param>
public sealed record TargetRoute(string Pattern, IMessageTarget Target)
{
    public bool Fits(string channel)
    {
        var parts = Pattern.Split('*');
        if (parts.Length == 1)
        {
            return channel.Equals(Pattern, StringComparison.Ordinal);
        }

        if (!channel.StartsWith(parts[0], StringComparison.Ordinal))
        {
            return false;
        }

        var at = parts[0].Length;
        foreach (var part in parts[1..^1])
        {
            var found = channel.IndexOf(part, at, StringComparison.Ordinal);
            if (found < 0)
            {
                return false;
            }

            at = found + part.Length;
        }

        return channel.Length - at >= parts[^1].Length && channel.EndsWith(parts[^1], StringComparison.Ordinal);
    }
}
