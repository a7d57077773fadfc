using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;
using SyncEngine.Connectors.Outbox;
using SyncEngine.Tests.Values;
using Xunit;

namespace SyncEngine.Tests.Connectors.Outbox;

public sealed class TargetRouteTests
{
    private static readonly Gen<string> names = Gen.Elements('a', 'b', '.', '[', '\n').ListOf().Select(
        letters => new string([.. letters.Take(12)]));

    [Theory]
    [InlineData("*", "", true)]
    [InlineData("*", "anything: at\nall", true)]
    [InlineData("", "", true)]
    [InlineData("", "a", false)]
    [InlineData("room", "room", true)]
    [InlineData("room", "Room", false)]
    [InlineData("room:*", "room:", true)]
    [InlineData("room:*", "room", false)]
    [InlineData("*:room", ":room:room", true)]
    [InlineData("ab*ba", "aba", false)] // the parts may not share a letter
    [InlineData("ab*ba", "abba", true)]
    [InlineData("a*b*c", "a-b-b-c", true)]
    [InlineData("a*b*c", "a-c-b", false)]
    public void A_pattern_fits_or_does_not(string pattern, string channel, bool fits) => Assert.Equal(fits, Fits(pattern, channel));

    [Fact]
    public void A_star_stands_for_any_run_of_characters_as_in_a_regular_expression() => Prop.ForAll(
        Gen.Elements('a', 'b', '*', '.', '[').ListOf().Select(letters => new string([.. letters.Take(8)])).ToArbitrary(),
        names.ToArbitrary(),
        (pattern, channel) =>
        {
            var expression = "^" + Regex.Escape(pattern).Replace("\\*", ".*", StringComparison.Ordinal) + "\\z";
            Assert.Equal(
                Regex.IsMatch(channel, expression, RegexOptions.Singleline | RegexOptions.CultureInvariant, TimeSpan.FromSeconds(5)),
                Fits(pattern, channel));
        }).Check(Properties.Quiet);

    [Fact]
    public void A_pattern_that_was_made_from_a_name_fits_it() => Prop.ForAll(
        names.ToArbitrary(),
        Gen.Choose(0, 12).Two().ToArbitrary(),
        (channel, cut) =>
        {
            var (from, to) = (
                Math.Min(Math.Min(cut.Item1, cut.Item2), channel.Length), Math.Min(Math.Max(cut.Item1, cut.Item2), channel.Length));
            Assert.True(Fits($"{channel[..from]}*{channel[to..]}", channel));
        }).Check(Properties.Quiet);

    private static bool Fits(string pattern, string channel) => new TargetRoute(pattern, UnroutedTarget.Instance).Fits(channel);
}
