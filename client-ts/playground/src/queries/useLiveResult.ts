import { useEffect } from "react";
import type { Column, LiveStatus, Plan, SyncError } from "@syncengine/client";
import { useLiveQuery } from "@syncengine/client/react";
import { client } from "../engine.ts";
import type { RunQuery } from "./paneState.ts";
import type { ResultRow } from "./rowMarks.ts";
import { hasNoOrder } from "./sqlTokens.ts";

/** The client's statuses, and the one it tells beside them: the rows are of an earlier cut. */
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
  /** What is wrong: the query has ended, fails at present, or waits for the engine. */
  readonly problem: SyncError | null;
}

const nothing = "";

/** Follows the query that is run, and nothing while there is none. */
export function useLiveResult(run: RunQuery | null): LiveResult {
  const state = useLiveQuery(run?.sql ?? nothing, run?.values, { enabled: run !== null });

  // Running the same text again means: try again.
  useEffect(() => {
    if (run === null || run.number === 1) return;
    const live = client.liveQuery(run.sql, run.values);
    if (live.state.status === "error") live.retry();
  }, [run]);

  return {
    status: state.stale !== null && state.status === "live" ? "stale" : state.status,
    rows: state.rows,
    columns: state.columns,
    ordered: run === null || !hasNoOrder(run.sql),
    keyOf: state.keyOf as (row: ResultRow) => string,
    plan: state.plan,
    cut: state.cut,
    problem: state.error ?? state.stale,
  };
}
