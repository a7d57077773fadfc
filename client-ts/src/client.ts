import type { Backoff } from "./backoff.js";
import type { Clock } from "./clock.js";
import type { HubFactory } from "./hub.js";
import type { LiveQuery, Row } from "./liveQuery.js";
import type { Frame } from "./protocol.js";
import type { NamedQuery, Param } from "./query.js";
import type { Decoding } from "./values.js";

export interface SyncClientOptions extends Decoding {
  /** Where the engine is; a path alone, or nothing, is on the page's own origin. */
  readonly url: string;
  /** The bearer token, or who knows it. Asked again for every request and before the token expires. */
  readonly token?: string | (() => string | null | undefined | Promise<string | null | undefined>) | undefined;
  readonly fetch?: typeof globalThis.fetch | undefined;
  readonly reconnect?: Backoff | undefined;
  /** How long a result outlives its last user, so that a page change does not subscribe anew. Default 1,000. */
  readonly graceMilliseconds?: number | undefined;
}

/** What a test replaces. */
export interface Surroundings {
  readonly clock?: Clock;
  readonly hub?: HubFactory;
}

export declare class SyncClient {
  constructor(options: SyncClientOptions, surroundings?: Surroundings);
  liveQuery<R = Row>(query: string | NamedQuery, params?: readonly Param[]): LiveQuery<R>;
  explain(query: string | NamedQuery, params?: readonly Param[]): Promise<unknown>;
  schema(): Promise<unknown>;
  onFrame(listener: (frame: Frame) => void): () => void;
  authenticate(): void;
  close(): void;
}
