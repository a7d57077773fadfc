import type { Backoff } from "./backoff.js";
import { ChangeNotifier, callAll } from "./changeNotifier.js";
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
  /** The address of the engine. Empty is the page's own origin. */
  readonly url: string;
  /** The bearer token, or a function that returns it. It is called for every request, and shortly before the token expires. */
  readonly token?: TokenOption;
  readonly fetch?: typeof globalThis.fetch | undefined;
  readonly reconnect?: Backoff | undefined;
  /** How long a result outlives its last user, so that a page change does not subscribe again. Default 1,000. */
  readonly graceMilliseconds?: number | undefined;
}

/** Replacements for tests. */
export interface TestDoubles {
  readonly clock?: Clock;
  readonly hub?: HubFactory;
}

/** The outcome of a write. */
export type WriteOutcome =
  | { readonly status: "confirmed"; readonly cut: Cut }
  | { readonly status: "rejected"; readonly reason: string }
  | { readonly status: "timeout" };

/** Keeps the connection open, and is notified of its changes. */
export interface ConnectionListener {
  /** The connection is open. Also called, soon, when it is open already. */
  opened(): void;
  /** The connection was lost or could not be made. It is tried again; the error has the reason, if there is one. */
  lost(error?: SyncError): void;
  /** The engine refuses the credentials. Nothing is tried until `authenticate`. */
  refused?(error: SyncError): void;
}

/** Reader of the messages of a channel. */
export interface ChannelReader {
  item(item: ChannelItem): void;
  /** The stream has ended while the connection is open: refused, or completed (null). */
  ended(error: SyncError | null): void;
}

/**
 * Live results of one engine, for one user. All share one connection.
 * The client connects for the first result, and disconnects after the last one.
 */
export class SyncClient {
  private readonly queries = new Map<string, SharedQuery>();
  private readonly graceTimers = new Map<SharedQuery, () => void>();
  private readonly bySubscription = new Map<string, SharedQuery>();
  private readonly frameListeners = new Set<{ readonly call: (frame: Frame) => void }>();
  private readonly connectionListeners = new Set<ConnectionListener>();
  private readonly notifier = new ChangeNotifier();
  private readonly timeline = new Timeline();
  private readonly clock: Clock;
  private readonly graceMilliseconds: number;
  private readonly http: Http;
  private readonly connection: ConnectionDriver;
  private readonly context: QueryContext;

  constructor(options: SyncClientOptions, doubles: TestDoubles = {}) {
    const url = options.url.replace(/\/+$/, "");
    const token = (): Promise<string> => readToken(options.token);
    const backoff = options.reconnect ?? {};
    this.clock = doubles.clock ?? systemClock;
    this.graceMilliseconds = options.graceMilliseconds ?? 1_000;
    // Called through a closure: browsers refuse a fetch that is called as a method.
    const fetch = options.fetch ?? ((...request: Parameters<typeof globalThis.fetch>) => globalThis.fetch(...request));
    this.http = new Http(url, token, fetch, this.clock);
    this.connection = new ConnectionDriver(url, token, backoff, this.clock, doubles.hub ?? signalRHub, {
      opened: () => {
        this.dispatchAll("connected");
        for (const listener of [...this.connectionListeners]) listener.opened();
      },
      connected: () => {
        for (const listener of [...this.connectionListeners]) listener.opened();
      },
      lost: (error) => {
        this.dispatchAll("disconnected");
        for (const listener of [...this.connectionListeners]) listener.lost(error);
      },
      refused: (error) => {
        this.notifier.update(() => this.queries.forEach((query) => query.fail(error)));
        for (const listener of [...this.connectionListeners]) listener.refused?.(error);
      },
      frame: (frame) => this.receive(frame),
    });
    this.context = {
      http: this.http,
      connection: this.connection,
      timeline: this.timeline,
      notifier: this.notifier,
      clock: this.clock,
      backoff,
      decoding: options,
      bySubscription: this.bySubscription,
    };
  }

  /** The live result of a query: SQL with `$1 …`, or a named query of the engine. Nothing is sent until the result has a subscriber. */
  liveQuery<R = Row>(query: string | NamedQuery, params?: readonly Param[]): LiveQuery<R> {
    return new Handle<R>(queryOf(query, params), this.queries, this.acquire);
  }

  /** The plan of a query in full: the relations watched, the role, and the SQL that PostgreSQL runs. */
  explain(query: string | NamedQuery, params?: readonly Param[]): Promise<unknown> {
    return this.http.explain(queryOf(query, params));
  }

  /** The relations that this user may read. */
  schema(): Promise<unknown> {
    return this.http.schema();
  }

  /** Resolves when the stream has passed the transaction that called `sync.ack(id)`. Needs a connection: a live result, or `keepConnected`. */
  awaitWrite(id: string, timeoutMilliseconds = 10_000): Promise<WriteOutcome> {
    return this.connection.invoke("Await", id, timeoutMilliseconds) as Promise<WriteOutcome>;
  }

  /** Keeps the connection open and notifies the listener; the result ends that. */
  keepConnected(listener: ConnectionListener): () => void {
    if (this.connection.isClosed) throw new Error("the client is closed");
    this.connectionListeners.add(listener);
    this.connection.want();
    queueMicrotask(() => {
      if (this.connection.isConnected && this.connectionListeners.has(listener)) listener.opened();
    });
    return () => {
      if (this.connectionListeners.delete(listener)) this.clock.after(this.graceMilliseconds, () => this.unwant());
    };
  }

  /**
   * Reads the messages of a channel after the id `from` (null: all that are held), while this connection lasts. Needs an open connection.
   * `hubSource` of ./models reads across connections.
   */
  channel(name: string, from: string | null, reader: ChannelReader): () => void {
    return this.connection.stream<ChannelItem>("Channel", [name, from], {
      item: (item) => reader.item(item),
      ended: (error) => reader.ended(error as SyncError | null),
    });
  }

  /** Reports every frame as it arrives, before it is applied. */
  onFrame(listener: (frame: Frame) => void): () => void {
    const entry = { call: listener };
    this.frameListeners.add(entry);
    return () => this.frameListeners.delete(entry);
  }

  /** Gives the engine a newer token. Results that ended with the old one are tried again. */
  authenticate(): void {
    this.connection.tokenChanged();
    this.dispatchAll("tokenChanged");
  }

  /** Ends all results and the connection, for good. */
  close(): void {
    this.notifier.update(() => {
      for (const query of [...this.queries.values()]) this.drop(query);
    });
    this.connection.close();
  }

  /** Joins a query; the result leaves it. */
  private readonly acquire = (key: string, query: Query, join: (shared: SharedQuery) => () => void): (() => void) => {
    if (this.connection.isClosed) throw new Error("the client is closed");
    let shared = this.queries.get(key);
    if (shared === undefined) {
      shared = new SharedQuery(query, this.context);
      this.queries.set(key, shared);
      // Before the listener is added: a subscriber reads the state next, and needs no call for it.
      shared.dispatch({ type: "wanted" });
      this.connection.want();
    }
    this.graceTimers.get(shared)?.();
    this.graceTimers.delete(shared);

    const joined = shared;
    const leave = join(joined);
    let hasLeft = false;
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      leave();
      const isUsed = joined.listeners.size > 0 || joined.observers.size > 0;
      if (isUsed || this.queries.get(key) !== joined) return;
      this.graceTimers.set(
        joined,
        this.clock.after(this.graceMilliseconds, () => this.drop(joined)),
      );
    };
  };

  private drop(query: SharedQuery): void {
    this.graceTimers.get(query)?.();
    this.graceTimers.delete(query);
    this.queries.delete(queryKey(query.query));
    query.dispatch({ type: "unwanted" });
    this.unwant();
  }

  private unwant(): void {
    if (this.queries.size === 0 && this.connectionListeners.size === 0) this.connection.unwant();
  }

  private receive(frame: Frame): void {
    callAll(this.frameListeners, frame);
    this.notifier.update(() => {
      this.timeline.receive(frame);
      if (frame.type === "reset" || frame.type === "stale" || frame.type === "error") this.bySubscription.get(frame.sub)?.receive(frame);
    });
  }

  private dispatchAll(type: "connected" | "disconnected" | "tokenChanged"): void {
    this.notifier.update(() => this.queries.forEach((query) => query.dispatch({ type })));
  }
}

/** A handle on a query. It holds no resources, so any number of them may be made and dropped. */
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
