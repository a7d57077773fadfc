namespace SyncEngine.AblySimulator;

/// <summary>Patterns of names; <c>*</c> stands for any run of characters.</summary>
static class Pattern
{
    public static bool Matches(ReadOnlySpan<char> pattern, ReadOnlySpan<char> text)
    {
        var star = pattern.IndexOf('*');
        if (star < 0)
        {
            return pattern.SequenceEqual(text);
        }

        if (!text.StartsWith(pattern[..star]))
        {
            return false;
        }

        var rest = pattern[(star + 1)..];
        for (var start = star; start <= text.Length; start++)
        {
            if (Matches(rest, text[start..]))
            {
                return true;
            }
        }

        return false;
    }
}
