using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace SyncEngine.Benchmarks.Running;

/// <summary>Makes another .NET process collect its garbage, by the diagnostics port: a trace with the keyword GCHeapCollect begins with a full collection.</summary>
/// <remarks>https://github.com/dotnet/diagnostics/blob/main/documentation/design-docs/ipc-protocol.md</remarks>
internal static class RemoteCollection
{
    private const string Provider = "Microsoft-Windows-DotNETRuntime";
    private const ulong HeapCollectKeyword = 0x800000;
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(700);

    public static async Task RunAsync(int processId, CancellationToken cancellationToken)
    {
        var path = Directory.GetFiles(Path.GetTempPath(), $"dotnet-diagnostic-{processId}-*-socket").Single();
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
        await socket.SendAsync(CollectTracing(), cancellationToken);

        // The trace itself is of no interest; when it falls silent the collection is over. Closing the socket ends it.
        var buffer = new byte[64 * 1024];
        while (true)
        {
            using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            silence.CancelAfter(Quiet);
            try
            {
                if (await socket.ReceiveAsync(buffer, silence.Token) == 0)
                {
                    return;
                }
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private static byte[] CollectTracing()
    {
        using var payload = new MemoryStream();
        using var writer = new BinaryWriter(payload, Encoding.Unicode);
        writer.Write(16u); // buffer, MB
        writer.Write(1u); // format: nettrace
        writer.Write(1u); // providers
        writer.Write(HeapCollectKeyword);
        writer.Write(4u); // level: informational
        WriteText(Provider);
        WriteText("");
        writer.Flush();

        var message = new byte[20 + (int)payload.Length];
        "DOTNET_IPC_V1\0"u8.CopyTo(message);
        BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(14), (ushort)message.Length);
        message[16] = 0x02; // EventPipe
        message[17] = 0x02; // CollectTracing
        payload.ToArray().CopyTo(message, 20);
        return message;

        void WriteText(string text)
        {
            writer.Write((uint)text.Length + 1);
            writer.Write(Encoding.Unicode.GetBytes(text + "\0"));
        }
    }
}
