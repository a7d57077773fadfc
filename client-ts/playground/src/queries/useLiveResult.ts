import { useCallback, useEffect, useMemo, useSyncExternalStore } from "react";
import type { Column, LiveState, LiveStatus, Plan, Row, SyncError } from "@syncengine/client";
import { client } from "../engine.ts";
import type { RunQuery } from "./paneState.ts";
import type { ResultRow } from "./rowMarks.ts";
import { hasNoOrder } from "./sqlTokens.ts";

/** The client's statuses, and `stale` while the rows are those of an earlier cut. */
export type ResultStatus = LiveStatus | "stale";

/** A running query as a pane shows it. */
export interface LiveResult {
  readonly status: ResultStatus;
  readonly rows: readonly ResultRow[];
  readonly columns: readonly Column[];
  readonly ordered: boolean;
  readonly keyOf: (row: ResultRow) => string;
  readonly plan: Plan | null;
  readonly cut: string | null;
  /** The error: the query has ended, fails at present, or waits for the engine. */
  readonly problem: SyncError | null;
}

const idle: LiveState = { rows: [], status: "idle", error: null, stale: null, plan: null, columns: [], cut: null };

/** Follows the query that is run, if any. */
export function useLiveResult(run: RunQuery | null): LiveResult {
  const live = useMemo(() => (run === null ? null : client.liveQuery(run.sql, run.values)), [run]);

  // The store and not the client's hook: with thousands of changes a second a pane still renders once per frame.
  const subscribe = useCallback((listener: () => void) => (live === null ? () => {} : onceAFrame(live.subscribe, listener)), [live]);
  const state = useSyncExternalStore(subscribe, () => live?.state ?? idle);

  // Running the same text again tries again.
  useEffect(() => {
    if (live?.status === "error") live.retry();
  }, [live]);

  return useMemo(
    () => ({
      status: state.stale !== null && state.status === "live" ? "stale" : state.status,
      rows: state.rows,
      columns: state.columns,
      ordered: run === null || !hasNoOrder(run.sql),
      keyOf: (row: ResultRow) => live?.keyOf(row as Row) ?? "",
      plan: state.plan,
      cut: state.cut,
      problem: state.error ?? state.stale,
    }),
    [state, live, run],
  );
}

/** Calls the listener once in the next frame, before its paint, for all changes until then. */
function onceAFrame(subscribe: (listener: () => void) => () => void, listener: () => void): () => void {
  let frame = 0;
  const end = subscribe(() => {
    if (frame !== 0) return;
    frame = requestAnimationFrame(() => {
      frame = 0;
      listener();
    });
  });
  return () => {
    cancelAnimationFrame(frame);
    end();
  };
}
