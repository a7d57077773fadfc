namespace SyncEngine.IntegrationTests.Oracle;

/// <summary>Choices drawn from a seeded source.</summary>
static class RandomChoice
{
    public static T Of<T>(this Random random, IReadOnlyList<T> choices) => choices[random.Next(choices.Count)];

    public static bool Chance(this Random random, double probability) => random.NextDouble() < probability;

    public static List<T> Some<T>(this Random random, IEnumerable<T> choices, int count)
    {
        var shuffled = choices.ToArray();
        random.Shuffle(shuffled);
        return [.. shuffled.Take(count)];
    }
}
