import type { Backoff } from "./backoff.js";
import { Bulletin, callAll } from "./bulletin.js";
import { systemClock, type Clock } from "./clock.js";
import { ConnectionDriver } from "./connectionDriver.js";
import { Http } from "./http.js";
import { signalRHub, type HubFactory } from "./hub.js";
import { idleState, type LiveQuery, type LiveState, type Observation, type Row } from "./liveQuery.js";
import type { ChannelItem, Cut, Frame } from "./protocol.js";
import { queryKey, queryOf, type NamedQuery, type Param, type Query } from "./query.js";
import { keyOfRow } from "./rowStore.js";
import { SharedQuery, type QueryContext } from "./sharedQuery.js";
import type { SyncError } from "./syncError.js";
import { Timeline } from "./timeline.js";
import { readToken, type TokenOption } from "./token.js";
import type { Decoding } from "./values.js";

export interface SyncClientOptions extends Decoding {
  /** Where the engine is. Empty is the page's own origin. */
  readonly url: string;
  /** The bearer token, or who knows it. Asked for again with every request and shortly before the token expires. */
  readonly token?: TokenOption;
  readonly fetch?: typeof globalThis.fetch | undefined;
  readonly reconnect?: Backoff | undefined;
  /** How long a result outlives its last user, so that a page change does not subscribe anew. Default 1,000. */
  readonly graceMilliseconds?: number | undefined;
}

/** What tests replace. */
export interface Surroundings {
  readonly clock?: Clock;
  readonly hub?: HubFactory;
}

/** What became of a write that was asked about. */
export type WriteOutcome =
  | { readonly status: "confirmed"; readonly cut: Cut }
  | { readonly status: "rejected"; readonly reason: string }
  | { readonly status: "timeout" };

/** Who needs the connection beside the live results. */
export interface ConnectionHolder {
  /** The connection is open; also told, soon, to who comes when it is open already. */
  opened(): void;
  /** It is gone, or could not be made, and is tried again by itself; the error says why, where there is one. */
  lost(error?: SyncError): void;
  /** The engine wants other credentials: nothing is tried until `authenticate`. */
  refused?(error: SyncError): void;
}

/** Who reads the messages of a channel. */
export interface ChannelReader {
  item(item: ChannelItem): void;
  /** The stream is over while the connection is not: refused, or completed (null). */
  ended(error: SyncError | null): void;
}

/**
 * Live results of one engine, for one user. It connects when the first result is wanted, over one connection for all,
 * and disconnects when the last one is not wanted any more.
 */
export class SyncClient {
  private readonly queries = new Map<string, SharedQuery>();
  private readonly goodbyes = new Map<SharedQuery, () => void>();
  private readonly bySubscription = new Map<string, SharedQuery>();
  private readonly frameListeners = new Set<{ readonly call: (frame: Frame) => void }>();
  private readonly holders = new Set<ConnectionHolder>();
  private readonly bulletin = new Bulletin();
  private readonly timeline = new Timeline();
  private readonly clock: Clock;
  private readonly graceMilliseconds: number;
  private readonly http: Http;
  private readonly connection: ConnectionDriver;
  private readonly context: QueryContext;

  constructor(options: SyncClientOptions, surroundings: Surroundings = {}) {
    const url = options.url.replace(/\/+$/, "");
    const token = (): Promise<string> => readToken(options.token);
    const backoff = options.reconnect ?? {};
    this.clock = surroundings.clock ?? systemClock;
    this.graceMilliseconds = options.graceMilliseconds ?? 1_000;
    // Called through a closure: browsers refuse a fetch that is called as somebody's method.
    const fetch = options.fetch ?? ((...request: Parameters<typeof globalThis.fetch>) => globalThis.fetch(...request));
    this.http = new Http(url, token, fetch, this.clock);
    this.connection = new ConnectionDriver(url, token, backoff, this.clock, surroundings.hub ?? signalRHub, {
      opened: () => {
        this.dispatchAll("connected");
        for (const holder of [...this.holders]) holder.opened();
      },
      connected: () => {
        for (const holder of [...this.holders]) holder.opened();
      },
      lost: (error) => {
        this.dispatchAll("disconnected");
        for (const holder of [...this.holders]) holder.lost(error);
      },
      refused: (error) => {
        this.bulletin.update(() => this.queries.forEach((query) => query.fail(error)));
        for (const holder of [...this.holders]) holder.refused?.(error);
      },
      frame: (frame) => this.receive(frame),
    });
    this.context = {
      http: this.http,
      connection: this.connection,
      timeline: this.timeline,
      bulletin: this.bulletin,
      clock: this.clock,
      backoff,
      decoding: options,
      bySubscription: this.bySubscription,
    };
  }

  /** The live result of a query: SQL with `$1 …`, or a query named in the engine's configuration. Nothing is asked until somebody subscribes to it. */
  liveQuery<R = Row>(query: string | NamedQuery, params?: readonly Param[]): LiveQuery<R> {
    return new Handle<R>(queryOf(query, params), this.queries, this.acquire);
  }

  /** The plan of a query in full: what is watched, which predicates the permissions add, and the SQL that PostgreSQL is asked. */
  explain(query: string | NamedQuery, params?: readonly Param[]): Promise<unknown> {
    return this.http.explain(queryOf(query, params));
  }

  /** The relations that this user may read. */
  schema(): Promise<unknown> {
    return this.http.schema();
  }

  /** Answers when the transaction that called `sync.ack(id)` has been passed by the stream. Needs an open connection: some live result, or `hold`. */
  awaitWrite(id: string, timeoutMilliseconds = 10_000): Promise<WriteOutcome> {
    return this.connection.invoke("Await", id, timeoutMilliseconds) as Promise<WriteOutcome>;
  }

  /** Keeps the connection open, and tells of it; the answer ends that. */
  hold(holder: ConnectionHolder): () => void {
    if (this.connection.isClosed) throw new Error("the client is closed");
    this.holders.add(holder);
    this.connection.want();
    queueMicrotask(() => {
      if (this.connection.isConnected && this.holders.has(holder)) holder.opened();
    });
    return () => {
      if (this.holders.delete(holder)) this.clock.after(this.graceMilliseconds, () => this.unwant());
    };
  }

  /** The messages of a channel after the id `from` (null: all that are held), while this connection lasts. Needs an open one; `hubSource` of ./models keeps at it. */
  channel(name: string, from: string | null, reader: ChannelReader): () => void {
    return this.connection.stream<ChannelItem>("Channel", [name, from], {
      item: (item) => reader.item(item),
      ended: (error) => reader.ended(error as SyncError | null),
    });
  }

  /** Every frame as it comes in, before it is applied. */
  onFrame(listener: (frame: Frame) => void): () => void {
    const entry = { call: listener };
    this.frameListeners.add(entry);
    return () => this.frameListeners.delete(entry);
  }

  /** Asks for the token anew and tells it to the engine; results that an old one had ended are tried again. */
  authenticate(): void {
    this.connection.tokenChanged();
    this.dispatchAll("tokenChanged");
  }

  /** Ends all results and the connection, for good. */
  close(): void {
    this.bulletin.update(() => {
      for (const query of [...this.queries.values()]) this.drop(query);
    });
    this.connection.close();
  }

  /** Takes part in a query; the answer ends that. */
  private readonly acquire = (key: string, query: Query, join: (shared: SharedQuery) => () => void): (() => void) => {
    if (this.connection.isClosed) throw new Error("the client is closed");
    let shared = this.queries.get(key);
    if (shared === undefined) {
      shared = new SharedQuery(query, this.context);
      this.queries.set(key, shared);
      // It is wanted before anybody listens: whoever subscribes reads the state next, and needs no call for it.
      shared.dispatch({ type: "wanted" });
      this.connection.want();
    }
    this.goodbyes.get(shared)?.();
    this.goodbyes.delete(shared);

    const joined = shared;
    const leave = join(joined);
    let hasLeft = false;
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      leave();
      const isUsed = joined.listeners.size > 0 || joined.observers.size > 0;
      if (isUsed || this.queries.get(key) !== joined) return;
      this.goodbyes.set(
        joined,
        this.clock.after(this.graceMilliseconds, () => this.drop(joined)),
      );
    };
  };

  private drop(query: SharedQuery): void {
    this.goodbyes.get(query)?.();
    this.goodbyes.delete(query);
    this.queries.delete(queryKey(query.query));
    query.dispatch({ type: "unwanted" });
    this.unwant();
  }

  private unwant(): void {
    if (this.queries.size === 0 && this.holders.size === 0) this.connection.unwant();
  }

  private receive(frame: Frame): void {
    callAll(this.frameListeners, frame);
    this.bulletin.update(() => {
      this.timeline.receive(frame);
      if (frame.type === "reset" || frame.type === "stale" || frame.type === "error") this.bySubscription.get(frame.sub)?.hear(frame);
    });
  }

  private dispatchAll(type: "connected" | "disconnected" | "tokenChanged"): void {
    this.bulletin.update(() => this.queries.forEach((query) => query.dispatch({ type })));
  }
}

/** A query as a user holds it. It holds nothing itself, so any number of them may be made and thrown away. */
class Handle<R> implements LiveQuery<R> {
  private readonly key: string;

  constructor(
    private readonly query: Query,
    private readonly queries: ReadonlyMap<string, SharedQuery>,
    private readonly acquire: (key: string, query: Query, join: (shared: SharedQuery) => () => void) => () => void,
  ) {
    this.key = queryKey(query);
  }

  get state(): LiveState<R> {
    return (this.queries.get(this.key)?.state ?? idleState) as LiveState<R>;
  }

  get rows(): readonly R[] {
    return this.state.rows;
  }

  get status(): LiveState<R>["status"] {
    return this.state.status;
  }

  get error(): LiveState<R>["error"] {
    return this.state.error;
  }

  get stale(): LiveState<R>["stale"] {
    return this.state.stale;
  }

  get plan(): LiveState<R>["plan"] {
    return this.state.plan;
  }

  get columns(): LiveState<R>["columns"] {
    return this.state.columns;
  }

  get cut(): LiveState<R>["cut"] {
    return this.state.cut;
  }

  readonly subscribe = (listener: () => void): (() => void) =>
    this.acquire(this.key, this.query, (shared) => {
      const entry = { call: listener };
      shared.listeners.add(entry);
      return () => shared.listeners.delete(entry);
    });

  onFrame(listener: (observation: Observation) => void): () => void {
    return this.acquire(this.key, this.query, (shared) => {
      const entry = { call: listener };
      shared.observers.add(entry);
      return () => shared.observers.delete(entry);
    });
  }

  keyOf(row: R): string {
    const key = keyOfRow(row as object);
    if (key === undefined) throw new Error("the row is not one of a live result; was it copied?");
    return key;
  }

  retry(): void {
    this.queries.get(this.key)?.dispatch({ type: "retry" });
  }
}
