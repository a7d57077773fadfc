/** The messages between engine and client, as docs/PROTOCOL.md describes them. */

/** A value as JSON carries it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [member: string]: Json };

/** A position of the stream, as PostgreSQL writes an LSN: `0/16B3748`. It only rises. */
export type Cut = string;

/** A row as it travels: the values in the order of the columns. */
export type WireRow = readonly Json[];

export interface Column {
  readonly name: string;
  /** The pg_type name: `int4`, `int4[]`, schema-qualified outside pg_catalog. */
  readonly type: string;
  readonly nullable?: boolean;
  /** True for `$row`, which identifies a row and is no part of the result. */
  readonly hidden?: boolean;
}

/** The way in which a result is kept live, and the reason when it is not incremental. */
export interface Plan {
  readonly mode: "incremental" | "probe" | "requery";
  readonly reason: string | null;
}

/** The shape of the rows of a subscription. */
export interface ResultShape {
  readonly columns: readonly Column[];
  /** The columns that identify a row, by name. */
  readonly key: readonly string[];
  readonly ordered: boolean;
}

/** The answer to POST /subscribe. */
export interface SubscribeAnswer extends ResultShape {
  readonly subscriptionId: string;
  readonly plan: Plan;
}

/** The members that every error has, over HTTP and in frames. */
export interface ErrorBody {
  readonly code: string;
  readonly message?: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly sqlstate?: string;
  /** In characters, 1-based, into the query as sent. */
  readonly position?: number;
}

export interface SnapshotFrame {
  readonly type: "snapshot";
  readonly sub: string;
  readonly rows?: readonly WireRow[];
  readonly more?: boolean;
}

export interface LiveFrame {
  readonly type: "live";
  readonly sub: string;
  readonly cut: Cut;
  /** Sent when it has changed. */
  readonly plan?: Plan;
}

/** The changes of one committed transaction in a result. A key is in one of the lists at most. */
export interface DiffFrame {
  readonly type: "diff";
  readonly sub: string;
  readonly cut: Cut;
  readonly commitTime?: string;
  readonly xid?: string;
  readonly added?: readonly WireRow[];
  readonly updated?: readonly WireRow[];
  /** Keys, in the order of the result's key. */
  readonly removed?: readonly WireRow[];
  /** The final index of each added row, when the result is ordered. */
  readonly addedAt?: readonly number[];
  readonly updatedAt?: readonly number[];
  /** More parts of the same diff follow; it is applied when the last has come. */
  readonly more?: boolean;
}

/** Every live subscription of this stream has been sent everything up to this cut. */
export interface CutFrame {
  readonly type: "cut";
  readonly cut: Cut;
}

/** The rows are those of an earlier cut until the next `live`. */
export interface StaleFrame extends ErrorBody {
  readonly type: "stale";
  readonly sub: string;
}

/** The rows are void; a snapshot follows. */
export interface ResetFrame extends ErrorBody {
  readonly type: "reset";
  readonly sub: string;
}

/** The subscription has ended. */
export interface ErrorFrame extends ErrorBody {
  readonly type: "error";
  readonly sub: string;
}

export type Frame = SnapshotFrame | LiveFrame | DiffFrame | CutFrame | StaleFrame | ResetFrame | ErrorFrame;

/** A message of a channel, as the outbox connector publishes it. */
export interface ChannelMessage {
  /** Rises along a channel. */
  readonly id: string;
  readonly name: string;
  readonly data?: Json;
  /** `json`: `data` is JSON text. */
  readonly encoding?: string;
  /** Milliseconds since 1970. */
  readonly timestamp?: number;
  readonly extras?: { readonly headers?: { readonly [name: string]: Json } };
}

/**
 * A frame of a channel. `live`: all held messages have been sent. `reset`: messages after `from` are no longer held, and all held ones follow.
 * `error`: the stream has ended.
 */
export type ChannelItem =
  | { readonly type: "message"; readonly channel: string; readonly message: ChannelMessage }
  | { readonly type: "live"; readonly id: string | null }
  | ({ readonly type: "reset" | "error" } & ErrorBody);
