namespace SyncEngine.LiveQueries;

/// <summary>
/// The life of a live query as a pure function: state and event to state and effects. Rows, read and suspension each follow a table of
/// docs/LIVE-QUERY-STATES.md; one test walks every cell.
/// </summary>
static class LiveQueryMachine
{
    /// <exception cref="InvalidOperationException">The event cannot happen in this state.</exception>
    public static (LiveQueryState State, LiveQueryEffects Effects) Next(LiveQueryState state, LiveQueryEvent happened)
    {
        var (rows, ofRows) = NextRows(state.Rows, happened);
        var (read, ofRead) = NextRead(state, happened);
        var isSuspended = happened switch
        {
            LiveQueryEvent.PlanInvalidated => true,
            LiveQueryEvent.PlanReplaced => false,
            _ => state.IsSuspended,
        };
        return (new LiveQueryState(rows, read, isSuspended), ofRows | ofRead);
    }

    private static (RowsState, LiveQueryEffects) NextRows(RowsState rows, LiveQueryEvent happened) => happened switch
    {
        LiveQueryEvent.Changed or LiveQueryEvent.ChangedUnattended when rows == RowsState.Current =>
            (RowsState.Behind, LiveQueryEffects.FallBehind),
        LiveQueryEvent.ReadFitted => (RowsState.Current, LiveQueryEffects.CatchUp),
        LiveQueryEvent.ReadFittedBehind => (RowsState.Behind, LiveQueryEffects.FallBehind),
        LiveQueryEvent.HistoryReplaced when rows != RowsState.Unknown =>
            (RowsState.Unknown, LiveQueryEffects.ForgetRows | LiveQueryEffects.CatchUp),
        _ => (rows, LiveQueryEffects.None),
    };

    private static (ReadState, LiveQueryEffects) NextRead(LiveQueryState state, LiveQueryEvent happened)
    {
        var read = state.Read;
        var isUnderWay = read is ReadState.UnderWay or ReadState.UnderWayAndWanted;
        var isQueued = read is ReadState.Wanted or ReadState.UnderWayAndWanted;
        switch (happened)
        {
            case LiveQueryEvent.RowsNeeded or LiveQueryEvent.Changed:
                return isQueued ? (read, LiveQueryEffects.None)
                    : (isUnderWay ? ReadState.UnderWayAndWanted : ReadState.Wanted, LiveQueryEffects.QueueRead);

            case LiveQueryEvent.ReadStarted:
                return read == ReadState.Wanted && !state.IsSuspended
                    ? (ReadState.UnderWay, LiveQueryEffects.None)
                    : throw Impossible(state, happened);

            case LiveQueryEvent.ReadFitted or LiveQueryEvent.ReadFittedBehind or LiveQueryEvent.ReadFailed:
                return isUnderWay
                    ? (isQueued ? ReadState.Wanted : ReadState.Idle, LiveQueryEffects.EndRead)
                    : throw Impossible(state, happened);

            case LiveQueryEvent.ReadDiscarded or LiveQueryEvent.ReadPostponed:
                var postpone = happened == LiveQueryEvent.ReadPostponed ? LiveQueryEffects.Postpone : LiveQueryEffects.None;
                var queue = isQueued ? LiveQueryEffects.None : LiveQueryEffects.QueueRead;
                return isUnderWay
                    ? (ReadState.Wanted, LiveQueryEffects.EndRead | queue | postpone)
                    : throw Impossible(state, happened);

            case LiveQueryEvent.ReadCancelled or LiveQueryEvent.PlanReplaced or LiveQueryEvent.HistoryReplaced:
                return (ReadState.Idle, (isQueued ? LiveQueryEffects.DequeueRead : LiveQueryEffects.None)
                    | (isUnderWay ? LiveQueryEffects.EndRead : LiveQueryEffects.None));

            default:
                return (read, LiveQueryEffects.None);
        }
    }

    private static InvalidOperationException Impossible(LiveQueryState state, LiveQueryEvent happened) =>
        new($"{happened} cannot happen to {state}");
}
