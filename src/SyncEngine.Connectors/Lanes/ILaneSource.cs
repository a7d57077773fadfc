using SyncEngine.Connectors.Targets;

namespace SyncEngine.Connectors.Lanes;

/// <summary>The source of what lanes carry: a table, a stream, notifications. It orders items, and turns them into messages.</summary>
/// <remarks>
/// The caller asks from several lanes beside each other. The implementer answers without waiting. It gives the same message for an item
/// each time, so that a target can distinguish a repetition from a new message.
/// </remarks>
/// <typeparam name="TItem">One unit of the source, such as a row.</typeparam>
interface ILaneSource<in TItem>
{
    /// <summary>The source's right to send. Without it lanes end, and leave their items to the next owner.</summary>
    bool MaySend { get; }

    /// <summary>The lane of the item. Items of one lane are sent in the order in which they were added.</summary>
    string LaneOf(TItem item);

    IMessageTarget TargetOf(string lane);

    OutboundMessage Compose(TItem item);

    /// <summary>Called when a lane that was full or blocked takes items again.</summary>
    void RequestMore();
}

/// <summary>The settlement of a source: how each message ended, and what happens to its item then.</summary>
/// <remarks>
/// Called from several lanes beside each other. It must not wait: what has to be written goes into a queue of the implementer.
/// </remarks>
interface ISettlement<in TItem>
{
    /// <summary>The target has stored the item's message.</summary>
    void Stored(TItem item, string target);

    /// <summary>Sets an item aside whose message can never be stored, so that its lane goes on.</summary>
    /// <returns>False where the item has to block its lane instead.</returns>
    bool TrySetAside(TItem item, string target, Refusal refusal);

    /// <summary>A message was refused and is sent again.</summary>
    void Retrying(string target, Refusal refusal);

    /// <summary>The number of messages without an answer has changed.</summary>
    void Sending(int change);
}
