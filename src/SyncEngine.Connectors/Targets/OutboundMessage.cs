namespace SyncEngine.Connectors.Targets;

/// <summary>A message on its way to a target. It is final: a retry, by this process or another, sends the same.</summary>
/// <param name="Channel">The destination, in the target's own terms.</param>
/// <param name="Id">Decimal digits; rises along a channel, and distinguishes a repetition from a new message.</param>
/// <param name="Name">The event's name.</param>
/// <param name="Data">JSON text; null where the row has none.</param>
/// <param name="Headers">JSON text of a flat object: its values are strings, numbers, booleans or null.</param>
public sealed record OutboundMessage(string Channel, string Id, string Name, string? Data, string Headers);
