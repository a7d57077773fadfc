import type { ConnectionHolder, SyncClient, WriteOutcome } from "../client.js";
import { systemClock, type Clock } from "../clock.js";
import { compareCuts } from "../cut.js";
import type { LiveQuery, LiveState, Row } from "../liveQuery.js";
import { RollbackError } from "../rollbackError.js";
import { Kept } from "./kept.js";
import { Entry, messageOf, newMutationId, type Change, type Mutation, type MutationHandle, type Send } from "./mutation.js";
import { OptimisticQuery, type Pending, type View } from "./optimisticQuery.js";
import { Outgoing } from "./outgoing.js";
import type { Apply } from "./overlay.js";
import { webLock, type Lock, type MutationStorage, type NumberedMutation } from "./storage.js";
import { Watch } from "./watch.js";

export interface MutationsOptions {
  /** Tells the backend of a change, where `mutate` is given no write of its own. Writes must be idempotent by mutation id when `persist` is set. */
  readonly send?: Send;
  /**
   * Milliseconds until a change that nobody has confirmed is rolled back: from `mutate` on, or for a kept one from when `send` was done. An outage
   * begins them anew. Default 10,000.
   */
  readonly timeoutMilliseconds?: number;
  /** Keeps changes that are sent by `send` over a reload, and sends them until they are taken. */
  readonly persist?: MutationStorage;
  /** How long a kept change is tried, in milliseconds. Default one day. */
  readonly keepMilliseconds?: number;
  /** More are refused. Default 100. */
  readonly maxPending?: number;
  /** Of all kept changes together, in characters. Default 262,144. */
  readonly maxCharacters?: number;
  /** Hears what is left out and why. Default `console.warn`. */
  readonly warn?: (text: string) => void;
  /** Keeps two tabs from sending one change at the same time. Default Web Locks. */
  readonly lock?: Lock;
  /** Time, for tests. */
  readonly clock?: Clock;
}

/**
 * The pending changes of a client, in their order, shown over any number of its live results until the rows themselves hold them.
 *
 * Lifecycle: a change is pending from `mutate` until its transaction, told by `sync.ack`, is part of every result that shows it, or until it is taken
 * back. Exactness: while a change has no answer, rows that have changed are shown only when the hub, asked after they came, has said that the change
 * is not part of them, or at which cut it is. Bounds: `maxPending`, `maxCharacters`. After a reload: what was kept is pending again, and sent again.
 */
export class Mutations implements Pending, ConnectionHolder {
  /** What was kept by an earlier page has been read, and is pending unless another tab has it. */
  readonly restored: Promise<void>;

  entries: readonly Entry[] = [];
  private readonly views = new Set<View>();
  private readonly watch: Watch;
  private readonly kept: Kept | null = null;
  private readonly outgoing: Outgoing | null = null;
  private readonly clock: Clock;
  private readonly maxPending: number;
  private release: (() => void) | null = null;
  private isClosed = false;
  /** Of the change that was made last, here or by an earlier page. */
  private lastNumber = 0;
  /** The states that came while the hub is asked about the unanswered; null while it is not. */
  private held: Map<View, LiveState> | null = null;

  constructor(
    private readonly client: SyncClient,
    private readonly options: MutationsOptions = {},
  ) {
    this.clock = options.clock ?? systemClock;
    this.maxPending = options.maxPending ?? 100;
    this.watch = new Watch(
      (id, milliseconds) => client.awaitWrite(id, milliseconds),
      this.clock,
      () => this.entries.filter((entry) => entry.isUnanswered),
      (entry, outcome) => this.answered(entry, outcome),
    );
    this.restored = Promise.resolve();
    if (options.persist === undefined) return;
    if (options.send === undefined) throw new Error("changes that are kept need a send, which sends them after a reload");
    this.kept = new Kept(options.persist, {
      maxPending: this.maxPending,
      maxCharacters: options.maxCharacters ?? 262_144,
      keepMilliseconds: options.keepMilliseconds ?? 86_400_000,
      lock: options.lock ?? webLock,
      clock: this.clock,
      warn: options.warn ?? ((text) => console.warn(text)),
    });
    this.outgoing = new Outgoing(
      options.send,
      this.clock,
      (entry) => this.written(entry),
      (entry, cause) => this.rollBack(entry, new RollbackError("failed", entry.mutation.mutationId, messageOf(cause), { cause })),
      (entry, cause) => this.isWorthRetrying(entry, cause),
    );
    this.restored = this.restore(this.kept);
  }

  /** The pending changes, in their order. */
  get pending(): readonly Mutation[] {
    return this.entries.map(({ mutation }) => mutation);
  }

  /** A live query with the changes over it. */
  query<R = Row>(live: LiveQuery<R>, apply: Apply<R>): OptimisticQuery<R> {
    return new OptimisticQuery<R>(live, this, apply);
  }

  /** Shows a change at once and has it written: by `write`, or by the `send` of the options. */
  mutate(change: Change, write?: (mutation: Mutation, signal: AbortSignal) => Promise<unknown>): MutationHandle {
    const { mutationId = newMutationId(), name, data = null } = change;
    if (this.isClosed) throw new Error("these mutations are closed");
    if (mutationId === "" || name === "") throw new Error("a change needs a name and a mutationId that are not empty");
    if (this.entries.some((entry) => entry.mutation.mutationId === mutationId)) throw new Error(`a change with the mutationId ${mutationId} is pending already`);
    if (this.entries.length >= this.maxPending) throw new RangeError(`${this.maxPending} changes are pending already: wait until some are confirmed`);
    const mutation: Mutation = { mutationId, name, data, at: this.clock.now() };
    const kept = write === undefined ? this.kept : null;
    const number = this.nextNumber();
    kept?.requireRoom([...this.entries.filter(({ isKept }) => isKept), { mutation, number }]);
    const send = write ?? this.options.send;
    if (send === undefined) throw new Error("a change needs a write, or the mutations the option send");

    const entry = new Entry(mutation, number, kept !== null);
    this.add(entry);
    if (kept !== null) void this.keep(entry, kept);
    else void this.write(entry, send);
    return { mutationId, confirmation: entry.confirmation, cancel: () => this.rollBack(entry, new RollbackError("cancelled", mutationId, "optimistic change cancelled")) };
  }

  /** Ends it. What was kept stays kept, for the next page. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.outgoing?.close();
    const entries = this.entries;
    this.entries = [];
    for (const entry of entries) entry.settle(new RollbackError("closed", entry.mutation.mutationId, "the mutations were closed"));
    this.held = null;
    this.changed();
  }

  // ---- the connection

  opened(): void {
    this.watch.isConnected = true;
    for (const entry of this.entries) this.startTimer(entry);
    this.outgoing?.retry();
    if (this.held !== null) this.hold();
  }

  lost(): void {
    this.watch.isConnected = false;
    // Nothing could be confirmed meanwhile, so nothing is late.
    for (const entry of this.entries) entry.stopTimer();
  }

  // ---- the queries

  join(view: View): void {
    this.views.add(view);
  }

  leave(view: View): void {
    this.views.delete(view);
    this.held?.delete(view);
    this.shown();
  }

  moved(): void {
    if (this.held !== null) return;
    const hasOtherRows = [...this.views].some((view) => view.latest.rows !== view.base.rows);
    if (hasOtherRows && this.entries.some((entry) => entry.isUnanswered)) this.hold();
    // All of them, before the first one tells: they are at one cut.
    else for (const view of this.views) view.show(view.latest);
  }

  shown(): void {
    const views = [...this.views].filter(({ latest }) => latest.status !== "error");
    const isIn = (entry: Entry): boolean => entry.cut !== null && views.every(({ base }) => base.cut !== null && compareCuts(base.cut, entry.cut!) >= 0);
    const done = this.entries.filter(isIn);
    if (done.length === 0) return;
    this.entries = this.entries.filter((entry) => !done.includes(entry));
    for (const entry of done) this.settle(entry, null);
    this.changed();
  }

  fail(mutation: Mutation, cause: unknown): void {
    const entry = this.entries.find((other) => other.mutation === mutation);
    if (entry !== undefined) this.rollBack(entry, new RollbackError("failed", mutation.mutationId, `the change ${mutation.name} cannot be applied: ${messageOf(cause)}`, { cause }));
  }

  /** Takes what the results are now, asks about the unanswered, and shows it with what was answered. */
  private hold(): void {
    const held = new Map([...this.views].map((view) => [view, view.latest]));
    this.held = held;
    void this.probe(held);
  }

  private async probe(held: Map<View, LiveState>): Promise<void> {
    for (const entry of this.entries.filter((other) => other.isUnanswered)) {
      // The hub cannot be asked: when it can, it is.
      if ((await this.watch.ask(entry)) === null || this.held !== held) return;
    }
    this.held = null;
    for (const [view, state] of held) view.show(state);
    this.shown();
    this.moved();
    for (const view of this.views) view.notify();
    this.shown();
  }

  // ---- a change

  /** The time, so that two tabs' changes are in their order; but never less than before, so that a clock that is set back changes nothing. */
  private nextNumber(): number {
    return (this.lastNumber = Math.max(this.lastNumber + 1, this.clock.now()));
  }

  private add(entry: Entry): void {
    this.release ??= this.client.hold(this);
    this.entries = [...this.entries, entry].sort((left, right) => left.number - right.number);
    this.changed();
  }

  private async write(entry: Entry, send: Send): Promise<void> {
    entry.isAsked = true;
    entry.isTimed = true;
    this.startTimer(entry);
    this.watch.wake();
    const abort = new AbortController();
    entry.confirmation.catch((error: unknown) => abort.abort(error));
    try {
      await send(entry.mutation, abort.signal);
    } catch (cause) {
      this.rollBack(entry, new RollbackError("failed", entry.mutation.mutationId, messageOf(cause), { cause }));
    }
  }

  /** A kept one has been sent. */
  private written(entry: Entry): void {
    entry.isTimed = true;
    this.startTimer(entry);
    this.watch.wake();
  }

  private startTimer(entry: Entry): void {
    entry.stopTimer();
    if (entry.isTimed && entry.isUnanswered && this.watch.isConnected) entry.stopTimer = this.clock.after(this.options.timeoutMilliseconds ?? 10_000, () => void this.expire(entry));
  }

  private async expire(entry: Entry): Promise<void> {
    const outcome = await this.watch.ask(entry);
    if (outcome?.status === "timeout") this.rollBack(entry, new RollbackError("timeout", entry.mutation.mutationId, "timed out waiting for confirmation of the change"));
    if (outcome !== null) {
      // The hub can be asked again, also about rows that wait for its word.
      if (this.held !== null) this.hold();
    } else if (this.watch.isConnected) {
      // The call failed and the connection did not, so that nobody else begins again.
      this.startTimer(entry);
      this.watch.wake();
    }
  }

  private answered(entry: Entry, outcome: WriteOutcome): void {
    if (entry.isSettled || entry.cut !== null || outcome.status === "timeout") return;
    if (outcome.status === "rejected") {
      this.rollBack(entry, new RollbackError("rejected", entry.mutation.mutationId, outcome.reason ?? "the write was rejected"));
      return;
    }
    entry.cut = outcome.cut;
    entry.stopTimer();
    // Another array, so that the queries look again.
    this.entries = [...this.entries];
    this.changed();
    this.shown();
  }

  private rollBack(entry: Entry, error: RollbackError): void {
    if (entry.isSettled) return;
    this.entries = this.entries.filter((other) => other !== entry);
    this.settle(entry, error);
    this.changed();
    this.shown();
  }

  private settle(entry: Entry, error: RollbackError | null): void {
    entry.settle(error);
    if (entry.isKept) this.kept?.remove(entry.mutation.mutationId);
  }

  private changed(): void {
    if (this.entries.length === 0 && this.release !== null) {
      this.release();
      this.release = null;
      this.watch.isConnected = false;
    }
    for (const view of this.views) view.notify();
  }

  // ---- what outlives the page

  /** Holds the change's lock until it is settled. */
  private async keep(entry: Entry, kept: Kept): Promise<void> {
    await this.restored;
    await kept.locked(entry.mutation.mutationId, async () => {
      if (!entry.isSettled) await kept.put(entry);
      // It may have been settled, and forgotten, while it was being put.
      if (entry.isSettled && !this.isClosed) kept.remove(entry.mutation.mutationId);
      await this.sendAndSettle(entry);
    });
  }

  private async restore(kept: Kept): Promise<void> {
    const found = await kept.read();
    this.lastNumber = Math.max(this.lastNumber, ...found.map(({ number }) => number));
    // What was made while the storage was read comes after what is in it.
    for (const entry of this.entries) entry.number = this.nextNumber();
    for (const numbered of found) void this.adopt(kept, numbered);
  }

  /** Waits until no other tab has the change, and takes it up where that one left it. */
  private async adopt(kept: Kept, { mutation, number }: NumberedMutation): Promise<void> {
    const { mutationId } = mutation;
    await kept.locked(mutationId, async () => {
      const isStillThere = await kept.has(mutationId);
      if (!isStillThere || this.isClosed || this.entries.some((entry) => entry.mutation.mutationId === mutationId)) return;
      const entry = new Entry(mutation, number, true);
      // The page before may have sent it.
      entry.isAsked = true;
      // Rows that are shown already may hold it.
      if (this.views.size > 0) await this.watch.ask(entry);
      if (this.isClosed) return;
      if (!entry.isSettled) this.add(entry);
      this.shown();
      await this.sendAndSettle(entry);
    });
  }

  private async sendAndSettle(entry: Entry): Promise<void> {
    if (!entry.isSettled && entry.cut === null) this.outgoing!.add(entry);
    await entry.confirmation.catch(() => {});
  }

  private isWorthRetrying(entry: Entry, cause: unknown): boolean {
    if (entry.isSettled) return false;
    if (!this.kept!.isOld(entry.mutation)) return true;
    this.rollBack(entry, new RollbackError("timeout", entry.mutation.mutationId, `the change could not be sent: ${messageOf(cause)}`, { cause }));
    return false;
  }
}
