import { callAll } from "../changeNotifier.js";
import { compareCuts } from "../cut.js";
import type { LiveQuery, LiveState, Row } from "../liveQuery.js";
import { keyOfRow } from "../rowStore.js";
import type { Entry, Mutation } from "./mutation.js";
import { overlay, overlayKey, type Apply } from "./overlay.js";

/** A live result with the pending changes applied. */
export interface OptimisticState<R = Row> extends LiveState<R> {
  /** The mutations that are applied to the rows of the cut. */
  readonly pending: readonly Mutation[];
}

/** The mutations as a query uses them. */
export interface Pending {
  /** In order; a new array after every change. */
  readonly entries: readonly Entry[];
  join(query: View): void;
  leave(query: View): void;
  /** The results of the client have changed: shows them in all queries, now or later. */
  moved(): void;
  /** A query has called its listeners: completes the mutations that every query holds by now. */
  shown(): void;
  fail(mutation: Mutation, cause: unknown): void;
}

/** A query as the mutations use it. */
export interface View {
  /** The state of the client. */
  readonly latest: LiveState;
  /** The state that is shown. */
  readonly base: LiveState;
  show(state: LiveState): void;
  notify(): void;
}

/** The rows of a live query with the pending mutations applied: a store without a framework. */
export class OptimisticQuery<R = Row> implements View {
  private readonly listeners = new Set<{ readonly call: () => void }>();
  private stopLive: (() => void) | null = null;
  private held: LiveState | null = null;
  private memo: { readonly base: LiveState; readonly status: LiveState; readonly entries: readonly Entry[]; readonly state: OptimisticState<R> } | null = null;

  constructor(
    private readonly live: LiveQuery<R>,
    private readonly pending: Pending,
    private readonly apply: Apply<R>,
  ) {}

  get latest(): LiveState {
    return this.live.state as LiveState;
  }

  get base(): LiveState {
    return this.held ?? this.latest;
  }

  /** The present state; the same object until something changes. */
  get state(): OptimisticState<R> {
    const { base, latest, memo } = this;
    const { entries } = this.pending;
    if (memo !== null && memo.base === base && memo.status === latest && memo.entries === entries) return memo.state;
    const pending = entries.filter(({ cut }) => cut === null || base.cut === null || compareCuts(base.cut, cut) < 0).map(({ mutation }) => mutation);
    const { rows, failed } = overlay(base.rows as unknown as readonly R[], pending, this.apply);
    // Rows and cut change together. The status of the connection is shown at once.
    const state: OptimisticState<R> = { ...(latest as unknown as LiveState<R>), rows, cut: base.cut, pending };
    this.memo = { base, status: latest, entries, state };
    for (const { mutation, cause } of failed) queueMicrotask(() => this.pending.fail(mutation, cause));
    return state;
  }

  get rows(): readonly R[] {
    return this.state.rows;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    const entry = { call: listener };
    this.listeners.add(entry);
    if (this.stopLive === null) {
      this.stopLive = this.live.subscribe(() => this.changed());
      this.held = this.latest;
      this.pending.join(this);
    }
    return () => {
      if (!this.listeners.delete(entry) || this.listeners.size > 0) return;
      this.stopLive?.();
      this.stopLive = null;
      this.held = null;
      this.pending.leave(this);
    };
  };

  /** A text that identifies a row, also one that a mutation made or changed. */
  keyOf(row: R): string {
    let at: unknown = row;
    for (;;) {
      const key = overlayKey(at as object) ?? keyOfRow(at as object);
      if (typeof key === "string") return key;
      if (key === undefined) throw new Error("the row is not one of this result; was it copied?");
      at = key;
    }
  }

  /** Subscribes again after `error`. */
  retry(): void {
    this.live.retry();
  }

  show(state: LiveState): void {
    this.held = state;
  }

  notify(): void {
    callAll(this.listeners);
  }

  private changed(): void {
    this.pending.moved();
    this.notify();
    this.pending.shown();
  }
}
