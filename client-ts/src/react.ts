import { createContext, createElement, useContext, useMemo, useSyncExternalStore, type ReactElement, type ReactNode } from "react";
import type { SyncClient } from "./client.js";
import { idleState, type LiveState, type Row } from "./liveQuery.js";
import { queryKey, queryOf, type NamedQuery, type Param } from "./query.js";

const SyncContext = createContext<SyncClient | null>(null);

/** Provides the client to the hooks below. The application closes the client. */
export function SyncProvider(props: { readonly client: SyncClient; readonly children?: ReactNode }): ReactElement {
  return createElement(SyncContext.Provider, { value: props.client }, props.children);
}

/** The client of the nearest SyncProvider. */
export function useSyncClient(): SyncClient {
  const client = useContext(SyncContext);
  if (client === null) throw new Error("useSyncClient and useLiveQuery need a <SyncProvider client={…}> above them, or useLiveQuery the option client");
  return client;
}

export interface LiveQueryOptions {
  /** A client other than the provider's. */
  readonly client?: SyncClient;
  /** False subscribes to nothing; the state is then idle. Default true. */
  readonly enabled?: boolean;
}

export interface LiveResult<R = Row> extends LiveState<R> {
  /** A text that identifies a row, for React's `key`. */
  readonly keyOf: (row: R) => string;
}

/** The live result of a query. Components with the same query share one subscription. All results of a client show one cut. */
export function useLiveQuery<R = Row>(query: string | NamedQuery, params?: readonly Param[], options: LiveQueryOptions = {}): LiveResult<R> {
  const context = useContext(SyncContext);
  const client = options.client ?? context;
  if (client === null) throw new Error("useLiveQuery needs a <SyncProvider client={…}> above it, or the option client");
  const enabled = options.enabled ?? true;

  // Queries and parameters are often written in place, so they are compared by content.
  const key = queryKey(queryOf(query, params));
  const store = useMemo(() => {
    if (!enabled) return { subscribe: subscribeToNothing, state: readIdle, keyOf: String };
    const live = client.liveQuery<R>(query, params);
    return { subscribe: live.subscribe, state: () => live.state, keyOf: (row: R) => live.keyOf(row) };
  }, [client, key, enabled]);

  const state = useSyncExternalStore<LiveState<R>>(store.subscribe, store.state, readIdle);
  return useMemo(() => ({ ...state, keyOf: store.keyOf }), [state, store]);
}

const subscribeToNothing = () => () => {};
const readIdle = () => idleState;
