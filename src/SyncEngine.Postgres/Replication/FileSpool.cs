using System.Buffers;
using System.Buffers.Binary;
using SyncEngine.Changes;

namespace SyncEngine.Postgres.Replication;

/// <summary>
/// A transaction in a file of its own: chunks, each with a 4-byte little-endian length before it. Written by the reader, then read by the
/// consumer.
/// </summary>
/// <remarks>
/// The file is deleted when it is disposed of or the process ends in order. After a crash <see cref="SpillDirectory"/> deletes it.
/// </remarks>
internal sealed class FileSpool(FileStream file) : IMessageSpool
{
    private long length;

    public void Append(ReadOnlyMemory<byte> chunk)
    {
        var header = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(header, chunk.Length);
        RandomAccess.Write(file.SafeFileHandle, [header, chunk], length);
        length += header.Length + chunk.Length;
    }

    public IEnumerable<ReadOnlyMemory<byte>> Read()
    {
        var buffer = ArrayPool<byte>.Shared.Rent(MessageMemory.ArenaBytes);
        try
        {
            for (long offset = 0; offset < length;)
            {
                ReadFully(buffer.AsSpan(0, 4), offset);
                var chunkLength = BinaryPrimitives.ReadInt32LittleEndian(buffer);
                if (chunkLength < 0 || chunkLength > length - offset - 4)
                {
                    throw new InvalidDataException($"spill file '{file.Name}' is damaged at byte {offset}");
                }

                if (buffer.Length < chunkLength)
                {
                    ArrayPool<byte>.Shared.Return(buffer);
                    buffer = ArrayPool<byte>.Shared.Rent(chunkLength);
                }

                ReadFully(buffer.AsSpan(0, chunkLength), offset + 4);
                offset += 4 + chunkLength;
                yield return buffer.AsMemory(0, chunkLength);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public void Dispose() => file.Dispose();

    private void ReadFully(Span<byte> target, long offset)
    {
        while (!target.IsEmpty)
        {
            var read = RandomAccess.Read(file.SafeFileHandle, target, offset);
            if (read == 0)
            {
                throw new InvalidDataException($"spill file '{file.Name}' ends at byte {offset} instead of {length}");
            }

            target = target[read..];
            offset += read;
        }
    }
}
