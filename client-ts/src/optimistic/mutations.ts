import type { ConnectionListener, SyncClient, WriteOutcome } from "../client.js";
import { systemClock, type Clock } from "../clock.js";
import { compareCuts } from "../cut.js";
import type { LiveQuery, LiveState, Row } from "../liveQuery.js";
import { RollbackError } from "../rollbackError.js";
import { StoredMutations } from "./storedMutations.js";
import { Entry, messageOf, newMutationId, type Change, type Mutation, type MutationHandle, type Send } from "./mutation.js";
import { OptimisticQuery, type Pending, type View } from "./optimisticQuery.js";
import { Outgoing } from "./outgoing.js";
import type { Apply } from "./overlay.js";
import { webLock, type Lock, type MutationStorage, type NumberedMutation } from "./storage.js";
import { Watch } from "./watch.js";

export interface MutationsOptions {
  /** Sends a change to the backend when `mutate` has no write of its own. Writes must be idempotent by mutation id when `persist` is set. */
  readonly send?: Send;
  /**
   * Milliseconds until an unconfirmed change is rolled back. They begin with `mutate`; for a stored change when `send` has completed.
   * A lost connection stops them, and the next one starts them again. Default 10,000.
   */
  readonly timeoutMilliseconds?: number;
  /** Stores changes that `send` sends, so that they survive a reload. They are sent until the backend takes them. */
  readonly persist?: MutationStorage;
  /** Milliseconds for which a stored change is sent again. Default one day. */
  readonly keepMilliseconds?: number;
  /** Pending changes at most; further ones are refused. Default 100. */
  readonly maxPending?: number;
  /** Characters of all stored changes together, at most. Default 262,144. */
  readonly maxCharacters?: number;
  /** Receives a text about each change that is dropped, and why. Default `console.warn`. */
  readonly warn?: (text: string) => void;
  /** Prevents two tabs from sending one change at the same time. Default Web Locks. */
  readonly lock?: Lock;
  /** Time, for tests. */
  readonly clock?: Clock;
}

/**
 * The pending changes of a client, in order, applied over any number of live results until the rows themselves hold them.
 *
 * Lifecycle: a change is pending from `mutate` until every result that shows it holds its transaction, or until it is rolled back.
 * Exactness: while a change is unanswered, new rows are shown only after the hub was asked about it.
 * The answer says that the change is not in the rows, or at which cut it is.
 * Bounds: `maxPending`, `maxCharacters`. After a reload: stored changes are pending again, and are sent again.
 */
export class Mutations implements Pending, ConnectionListener {
  /** Resolves when the changes of an earlier page have been read. They are pending unless another tab has them. */
  readonly restored: Promise<void>;

  entries: readonly Entry[] = [];
  private readonly views = new Set<View>();
  private readonly watch: Watch;
  private readonly stored: StoredMutations | null = null;
  private readonly outgoing: Outgoing | null = null;
  private readonly clock: Clock;
  private readonly maxPending: number;
  private release: (() => void) | null = null;
  private isClosed = false;
  /** The number of the newest change, of this page or an earlier one. */
  private lastNumber = 0;
  /** The states that wait while the hub is asked about unanswered changes; null while it is not. */
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
    if (options.send === undefined) throw new Error("the option persist needs the option send, which sends the changes after a reload");
    this.stored = new StoredMutations(options.persist, {
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
    this.restored = this.restore(this.stored);
  }

  /** The pending changes, in order. */
  get pending(): readonly Mutation[] {
    return this.entries.map(({ mutation }) => mutation);
  }

  /** A live query with the pending changes applied. */
  query<R = Row>(live: LiveQuery<R>, apply: Apply<R>): OptimisticQuery<R> {
    return new OptimisticQuery<R>(live, this, apply);
  }

  /** Shows a change at once and writes it: with `write`, or with the `send` of the options. */
  mutate(change: Change, write?: (mutation: Mutation, signal: AbortSignal) => Promise<unknown>): MutationHandle {
    const { mutationId = newMutationId(), name, data = null } = change;
    if (this.isClosed) throw new Error("these mutations are closed");
    if (mutationId === "" || name === "") throw new Error("a change needs a name and a mutationId that are not empty");
    if (this.entries.some((entry) => entry.mutation.mutationId === mutationId)) throw new Error(`a change with the mutationId ${mutationId} is pending already`);
    if (this.entries.length >= this.maxPending) throw new RangeError(`${this.maxPending} changes are pending already: wait until some are confirmed`);
    const mutation: Mutation = { mutationId, name, data, at: this.clock.now() };
    const stored = write === undefined ? this.stored : null;
    const number = this.nextNumber();
    stored?.requireRoom([...this.entries.filter(({ isStored }) => isStored), { mutation, number }]);
    const send = write ?? this.options.send;
    if (send === undefined) throw new Error("a change needs a write, or the mutations the option send");

    const entry = new Entry(mutation, number, stored !== null);
    this.add(entry);
    if (stored !== null) void this.keep(entry, stored);
    else void this.write(entry, send);
    return { mutationId, confirmation: entry.confirmation, cancel: () => this.rollBack(entry, new RollbackError("cancelled", mutationId, "optimistic change cancelled")) };
  }

  /** Ends these mutations. Stored changes stay in the storage for the next page. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.outgoing?.close();
    const entries = this.entries;
    this.entries = [];
    for (const entry of entries) entry.complete(new RollbackError("closed", entry.mutation.mutationId, "the mutations were closed"));
    this.held = null;
    this.changed();
  }

  // ---- the connection

  opened(): void {
    this.watch.isConnected = true;
    for (const entry of this.entries) this.startTimer(entry);
    this.outgoing?.retry();
    if (this.held !== null) this.askBeforeShowing();
  }

  lost(): void {
    this.watch.isConnected = false;
    // Nothing can be confirmed meanwhile, so no time runs.
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
    if (hasOtherRows && this.entries.some((entry) => entry.isUnanswered)) this.askBeforeShowing();
    // All views first, then their listeners: they are at one cut.
    else for (const view of this.views) view.show(view.latest);
  }

  shown(): void {
    const views = [...this.views].filter(({ latest }) => latest.status !== "error");
    const isIn = (entry: Entry): boolean => entry.cut !== null && views.every(({ base }) => base.cut !== null && compareCuts(base.cut, entry.cut!) >= 0);
    const done = this.entries.filter(isIn);
    if (done.length === 0) return;
    this.entries = this.entries.filter((entry) => !done.includes(entry));
    for (const entry of done) this.complete(entry, null);
    this.changed();
  }

  fail(mutation: Mutation, cause: unknown): void {
    const entry = this.entries.find((other) => other.mutation === mutation);
    if (entry !== undefined) this.rollBack(entry, new RollbackError("failed", mutation.mutationId, `the change ${mutation.name} cannot be applied: ${messageOf(cause)}`, { cause }));
  }

  /** Takes the present states, asks about the unanswered changes, and shows the states with the answers. */
  private askBeforeShowing(): void {
    const held = new Map([...this.views].map((view) => [view, view.latest]));
    this.held = held;
    void this.askAll(held);
  }

  private async askAll(held: Map<View, LiveState>): Promise<void> {
    for (const entry of this.entries.filter((other) => other.isUnanswered)) {
      // The hub cannot be asked now. The next connection asks again.
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

  /** The time, so that the changes of two tabs are in order. It only rises, also when the clock is set back. */
  private nextNumber(): number {
    return (this.lastNumber = Math.max(this.lastNumber + 1, this.clock.now()));
  }

  private add(entry: Entry): void {
    this.release ??= this.client.keepConnected(this);
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

  /** A stored change has been sent. */
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
      // The hub can be asked again, also for the rows that wait.
      if (this.held !== null) this.askBeforeShowing();
    } else if (this.watch.isConnected) {
      // The call failed and the connection did not, so no event starts the timer again.
      this.startTimer(entry);
      this.watch.wake();
    }
  }

  private answered(entry: Entry, outcome: WriteOutcome): void {
    if (entry.isCompleted || entry.cut !== null || outcome.status === "timeout") return;
    if (outcome.status === "rejected") {
      this.rollBack(entry, new RollbackError("rejected", entry.mutation.mutationId, outcome.reason ?? "the write was rejected"));
      return;
    }
    entry.cut = outcome.cut;
    entry.stopTimer();
    // A new array makes the queries compute their rows again.
    this.entries = [...this.entries];
    this.changed();
    this.shown();
  }

  private rollBack(entry: Entry, error: RollbackError): void {
    if (entry.isCompleted) return;
    this.entries = this.entries.filter((other) => other !== entry);
    this.complete(entry, error);
    this.changed();
    this.shown();
  }

  private complete(entry: Entry, error: RollbackError | null): void {
    entry.complete(error);
    if (entry.isStored) this.stored?.remove(entry.mutation.mutationId);
  }

  private changed(): void {
    if (this.entries.length === 0 && this.release !== null) {
      this.release();
      this.release = null;
      this.watch.isConnected = false;
    }
    for (const view of this.views) view.notify();
  }

  // ---- stored changes

  /** Holds the lock of the change until it is completed. */
  private async keep(entry: Entry, stored: StoredMutations): Promise<void> {
    await this.restored;
    await stored.locked(entry.mutation.mutationId, async () => {
      if (!entry.isCompleted) await stored.put(entry);
      // It may have been completed while it was being stored.
      if (entry.isCompleted && !this.isClosed) stored.remove(entry.mutation.mutationId);
      await this.sendAndWait(entry);
    });
  }

  private async restore(stored: StoredMutations): Promise<void> {
    const found = await stored.read();
    this.lastNumber = Math.max(this.lastNumber, ...found.map(({ number }) => number));
    // Changes made while the storage was read come after those in it.
    for (const entry of this.entries) entry.number = this.nextNumber();
    for (const numbered of found) void this.adopt(stored, numbered);
  }

  /** Waits until no other tab has the change, then continues with it. */
  private async adopt(stored: StoredMutations, { mutation, number }: NumberedMutation): Promise<void> {
    const { mutationId } = mutation;
    await stored.locked(mutationId, async () => {
      const isStillThere = await stored.has(mutationId);
      if (!isStillThere || this.isClosed || this.entries.some((entry) => entry.mutation.mutationId === mutationId)) return;
      const entry = new Entry(mutation, number, true);
      // The earlier page may have sent it.
      entry.isAsked = true;
      // The rows on the page may hold it already.
      if (this.views.size > 0) await this.watch.ask(entry);
      if (this.isClosed) return;
      if (!entry.isCompleted) this.add(entry);
      this.shown();
      await this.sendAndWait(entry);
    });
  }

  private async sendAndWait(entry: Entry): Promise<void> {
    if (!entry.isCompleted && entry.cut === null) this.outgoing!.add(entry);
    await entry.confirmation.catch(() => {});
  }

  private isWorthRetrying(entry: Entry, cause: unknown): boolean {
    if (entry.isCompleted) return false;
    if (!this.stored!.isOld(entry.mutation)) return true;
    this.rollBack(entry, new RollbackError("timeout", entry.mutation.mutationId, `the change could not be sent: ${messageOf(cause)}`, { cause }));
    return false;
  }
}
