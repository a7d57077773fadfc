using SyncEngine.Delivery;

namespace SyncEngine.Server.Hubs;

/// <summary>Frames that were ready together. Each is a stream item of its own; together they cost one write and one flush.</summary>
readonly record struct FrameBatch(Frame[] Frames);
