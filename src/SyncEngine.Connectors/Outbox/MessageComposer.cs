using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using SyncEngine.Connectors.Targets;
using SyncEngine.Postgres.Outbox;

namespace SyncEngine.Connectors.Outbox;

/// <summary>
/// Composes the message of an outbox row: the headers that clients of the Models SDK expect, and the row's own beside them, flat.
/// </summary>
static class MessageComposer
{
    public const string MutationHeader = "x-ably-models-event-uuid";
    public const string RejectHeader = "x-ably-models-reject";

    /// <summary>The header for headers that are not an object.</summary>
    private const string WholeHeader = "headers";

    // PostgreSQL nests as deeply as its stack allows.
    private static readonly JsonDocumentOptions anyDepth = new() { MaxDepth = 1_000_000 };
    private static readonly JsonWriterOptions readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static OutboundMessage Compose(OutboxRow row) =>
        new(row.Channel, row.Id.ToString(System.Globalization.CultureInfo.InvariantCulture), row.Name, row.Data, Headers(row));

    private static string Headers(OutboxRow row)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, readable))
        {
            writer.WriteStartObject();
            writer.WriteString(MutationHeader, row.MutationId);
            if (row.IsRejected)
            {
                writer.WriteString(RejectHeader, "true"); // clients compare with the text
            }

            if (row.Headers is not null)
            {
                using var own = JsonDocument.Parse(row.Headers, anyDepth);
                WriteOwn(writer, own.RootElement);
            }

            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }

    private static void WriteOwn(Utf8JsonWriter writer, JsonElement headers)
    {
        if (headers.ValueKind == JsonValueKind.Null)
        {
            return;
        }

        if (headers.ValueKind != JsonValueKind.Object)
        {
            writer.WriteString(WholeHeader, headers.GetRawText());
            return;
        }

        foreach (var header in headers.EnumerateObject())
        {
            if (header.NameEquals(MutationHeader) || header.NameEquals(RejectHeader))
            {
                continue;
            }

            if (header.Value.ValueKind is JsonValueKind.Object or JsonValueKind.Array)
            {
                writer.WriteString(header.Name, header.Value.GetRawText()); // Ably takes flat maps only (40032)
            }
            else
            {
                header.WriteTo(writer);
            }
        }
    }
}
