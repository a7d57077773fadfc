import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import type { SyncClient } from "../client.js";
import { idleState, type Row } from "../liveQuery.js";
import { queryKey, queryOf, type NamedQuery, type Param } from "../query.js";
import { useSyncClient } from "../react.js";
import { Mutations } from "./mutations.js";
import type { OptimisticState } from "./optimisticQuery.js";
import type { Apply } from "./overlay.js";

export interface OptimisticQueryOptions<R> {
  /** Must be pure, and depend on its arguments alone. */
  readonly apply: Apply<R>;
  /** Default: the mutations of the provider's client, with default options. */
  readonly mutations?: Mutations;
}

export interface OptimisticResult<R = Row> extends OptimisticState<R> {
  /** A text that identifies a row, for React's `key`. */
  readonly keyOf: (row: R) => string;
  readonly mutate: Mutations["mutate"];
}

const ofClient = new WeakMap<SyncClient, Mutations>();

/** The mutations of a client with default options; one object per client. */
export function mutationsOf(client: SyncClient): Mutations {
  let mutations = ofClient.get(client);
  if (mutations === undefined) ofClient.set(client, (mutations = new Mutations(client)));
  return mutations;
}

/** The live result of a query with the pending changes applied, and a function that makes a change. */
export function useOptimisticQuery<R = Row>(query: string | NamedQuery, params: readonly Param[] | undefined, options: OptimisticQueryOptions<R>): OptimisticResult<R> {
  const client = useSyncClient();
  const mutations = options.mutations ?? mutationsOf(client);
  const apply = useRef(options.apply);
  useEffect(() => {
    apply.current = options.apply;
  });

  const key = queryKey(queryOf(query, params));
  const store = useMemo(
    () => mutations.query<R>(client.liveQuery<R>(query, params), (rows, mutation) => apply.current(rows, mutation)),
    [client, mutations, key],
  );
  const read = useCallback(() => store.state, [store]);
  const state = useSyncExternalStore<OptimisticState<R>>(store.subscribe, read, readIdle);
  const mutate = useCallback<Mutations["mutate"]>((change, write) => mutations.mutate(change, write), [mutations]);
  return useMemo(() => ({ ...state, keyOf: (row: R) => store.keyOf(row), mutate }), [state, store, mutate]);
}

const idle: OptimisticState<never> = { ...idleState, pending: [] };
const readIdle = (): OptimisticState<never> => idle;
