import type { Column, Cut, Plan } from "./protocol.js";
import type { SyncError } from "./syncError.js";
import type { Value } from "./values.js";

/** A row as an object, keyed by column. */
export type Row = { readonly [column: string]: Value };

export type LiveStatus = "idle" | "connecting" | "snapshot" | "live" | "reconnecting" | "error";

/** A result at one moment. Immutable: a change makes a new one, and what did not change keeps its identity. */
export interface LiveState<R = Row> {
  readonly rows: readonly R[];
  readonly status: LiveStatus;
  /** The reason for the status `error`, or for waiting while it is `connecting` or `reconnecting`. */
  readonly error: SyncError | null;
  /** Set while the rows are those of an earlier cut: the query fails in PostgreSQL at present, or lags. */
  readonly stale: SyncError | null;
  readonly plan: Plan | null;
  /** Without hidden ones. Empty until the engine has answered. */
  readonly columns: readonly Column[];
  /** The cut whose result the rows are. */
  readonly cut: Cut | null;
}

/** A change that has been applied to a result, reported after the state shows it. Keys are those of `keyOf`. */
export type Observation =
  | { readonly type: "live"; readonly cut: Cut }
  | {
      readonly type: "diff";
      readonly cut: Cut;
      readonly commitTime: string | null;
      readonly xid: string | null;
      readonly added: readonly string[];
      readonly updated: readonly string[];
      readonly removed: readonly string[];
    }
  | { readonly type: "reset" | "stale" | "error"; readonly error: SyncError };

/** A live result as a store without a framework. It lives while it has subscribers. Equal queries share it. */
export interface LiveQuery<R = Row> extends LiveState<R> {
  /** The present state; the same object until something changes. */
  readonly state: LiveState<R>;
  /** Calls back after every change, when all results of the client have been brought to the same cut. */
  readonly subscribe: (listener: () => void) => () => void;
  /** A text that identifies a row of this result, the same after updates of the row. */
  keyOf(row: R): string;
  /** Reports each change that is applied. Keeps the result alive as `subscribe` does. */
  onFrame(listener: (observation: Observation) => void): () => void;
  /** Subscribes again after `error`. */
  retry(): void;
}

export const idleState: LiveState<never> = Object.freeze({
  rows: Object.freeze([]) as readonly never[],
  status: "idle",
  error: null,
  stale: null,
  plan: null,
  columns: Object.freeze([]) as readonly Column[],
  cut: null,
});
