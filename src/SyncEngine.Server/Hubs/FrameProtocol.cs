using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Protocol;
using Microsoft.Extensions.Options;

namespace SyncEngine.Server.Hubs;

/// <summary>
/// SignalR's JSON protocol, in which a <see cref="FrameBatch"/> is written as one stream item per frame, from the frames' ready bytes.
/// Everything else is the original's.
/// </summary>
/// <remarks>https://github.com/dotnet/aspnetcore/blob/main/src/SignalR/docs/specs/HubProtocol.md (StreamItem, JSON encoding)</remarks>
sealed class FrameProtocol(IOptions<JsonHubProtocolOptions> options) : IHubProtocol
{
    private readonly JsonHubProtocol json = new(options);

    public string Name => json.Name;

    public int Version => json.Version;

    public TransferFormat TransferFormat => json.TransferFormat;

    public bool IsVersionSupported(int version) => json.IsVersionSupported(version);

    public bool TryParseMessage(ref ReadOnlySequence<byte> input, IInvocationBinder binder, [NotNullWhen(true)] out HubMessage? message) =>
        json.TryParseMessage(ref input, binder, out message);

    public ReadOnlyMemory<byte> GetMessageBytes(HubMessage message)
    {
        var output = new ArrayBufferWriter<byte>();
        WriteMessage(message, output);
        return output.WrittenMemory;
    }

    public void WriteMessage(HubMessage message, IBufferWriter<byte> output)
    {
        if (message is not StreamItemMessage { Item: FrameBatch batch } item)
        {
            json.WriteMessage(message, output);
            return;
        }

        // The id is the client's text.
        var id = JsonEncodedText.Encode(item.InvocationId!, JavaScriptEncoder.UnsafeRelaxedJsonEscaping);
        foreach (var frame in batch.Frames)
        {
            output.Write("{\"type\":2,\"invocationId\":\""u8);
            output.Write(id.EncodedUtf8Bytes);
            output.Write("\",\"item\":"u8);
            frame.WriteTo(output);
            output.Write("}\u001e"u8);
        }
    }
}
