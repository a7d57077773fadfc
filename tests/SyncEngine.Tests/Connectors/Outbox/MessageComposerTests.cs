using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using SyncEngine.Connectors.Outbox;
using SyncEngine.Postgres.Outbox;
using SyncEngine.Tests.Values;
using Xunit;

namespace SyncEngine.Tests.Connectors.Outbox;

public sealed class MessageComposerTests
{
    private static readonly Gen<string> texts = Gen.Elements(
        "", "a", "é", "😀", "\"", "\\", "\n", "\u0001", "x-ably-models-event-uuid", "x-ably-models-reject", "headers");

    private static readonly Gen<string> values = Gen.Sized(Value);

    [Fact]
    public void Headers_are_flat_and_the_mutation_is_the_row_s_whatever_the_row_s_own_headers_say() => Prop.ForAll(
        texts.SelectMany(mutation => values.OrNull(), (mutation, headers) => (Mutation: mutation, Headers: headers)).ToArbitrary(),
        Gen.Elements(true, false).ToArbitrary(),
        (row, isRejected) =>
        {
            var message = Compose(row.Mutation, isRejected, row.Headers);
            using var json = JsonDocument.Parse(message.Headers);
            var headers = json.RootElement.EnumerateObject().ToList();
            Assert.Equal(row.Mutation, Assert.Single(headers, header => header.NameEquals("x-ably-models-event-uuid")).Value.GetString());
            Assert.Equal(
                isRejected ? ["true"] : [],
                headers.Where(header => header.NameEquals("x-ably-models-reject")).Select(header => header.Value.GetString()));
            Assert.All(headers, header => Assert.False(header.Value.ValueKind is JsonValueKind.Object or JsonValueKind.Array));
        }).Check(Properties.Quiet);

    [Fact]
    public void Flat_headers_stay_as_they_are_and_nested_ones_become_text() => Prop.ForAll(
        Gen.Elements("a", "é", "n\"m", "z").SelectMany(_ => values, (name, value) => (Name: name, Value: value)).ToArbitrary(),
        own =>
        {
            var message = Compose("m", isRejected: false, $$"""{{{JsonSerializer.Serialize(own.Name)}}:{{own.Value}}}""");
            using var json = JsonDocument.Parse(message.Headers);
            using var given = JsonDocument.Parse(own.Value);
            var sent = json.RootElement.GetProperty(own.Name);
            if (given.RootElement.ValueKind is JsonValueKind.Object or JsonValueKind.Array)
            {
                Assert.Equal(own.Value, sent.GetString());
            }
            else
            {
                Assert.True(JsonElement.DeepEquals(given.RootElement, sent));
            }
        }).Check(Properties.Quiet);

    [Fact]
    public void Everything_else_is_the_row_s()
    {
        Assert.Equal(
            new("größe", "9223372036854775807", "naïve", "[1.50]", """{"x-ably-models-event-uuid":"m"}"""),
            MessageComposer.Compose(new OutboxRow(long.MaxValue, "größe", "m", "naïve", false, "[1.50]", null)));
        Assert.Null(MessageComposer.Compose(new OutboxRow(1, "c", "m", "n", false, null, null)).Data);
    }

    [Fact]
    public void Headers_may_be_nested_as_deeply_as_the_database_takes_them()
    {
        var deep = new string('[', 5_000) + new string(']', 5_000);
        Assert.Equal($$"""{"x-ably-models-event-uuid":"m","deep":"{{deep}}"}""", Compose("m", false, $$"""{"deep": {{deep}}}""").Headers);
    }

    private static SyncEngine.Connectors.Targets.OutboundMessage Compose(string mutation, bool isRejected, string? headers) =>
        MessageComposer.Compose(new OutboxRow(1, "c", mutation, "n", isRejected, null, headers));

    private static Gen<string> Value(int size)
    {
        var flat = Gen.OneOf(
            texts.Select(text => JsonSerializer.Serialize(text)),
            Gen.Elements("0", "-1.50", "1e3", "12345678901234567890", "true", "false", "null"));
        return size <= 1
            ? flat
            : Gen.OneOf(
                flat,
                Value(size / 3).ListOf().Select(items => $"[{string.Join(", ", items.Take(3))}]"),
                texts.SelectMany(_ => Value(size / 3), (name, value) => (name, value)).ListOf()
                    .Select(members => $"{{{string.Join(", ", members.DistinctBy(member => member.name).Take(3).Select(member => $"{JsonSerializer.Serialize(member.name)}: {member.value}"))}}}"));
    }
}
