import { callAll } from "../changeNotifier.js";
import { EventFold, type ModelData } from "./eventFold.js";
import type { Merge, ModelEvent } from "./events.js";
import { maximumReplayed, type SourceMessage } from "./messageSource.js";
import { advanceModel, type MachineEffect, type MachineEvent, type MachineState } from "./modelMachine.js";
import type { OptimisticEventOptions, Settings } from "./options.js";
import { SlidingWindow } from "./slidingWindow.js";

/** The state of the backend and the id of the last event in it, both read in one transaction. */
export interface Synced<T> {
  readonly data: T;
  /** Without one the model cannot resume, and becomes `errored`. */
  readonly sequenceId: string | number | null | undefined;
}

/** Reads the state. Called first, and whenever events may have been missed. */
export type Sync<T, P extends readonly unknown[]> = (...params: P) => Promise<Synced<T>>;

export interface ModelSpec<T, P extends readonly unknown[]> {
  readonly channelName: string;
  readonly sync: Sync<T, P>;
  readonly merge: Merge<T>;
}

export type ModelState = "initialized" | "syncing" | "ready" | "paused" | "errored" | "disposed";

export interface ModelStateChange {
  readonly current: ModelState;
  readonly previous: ModelState;
  readonly reason?: Error;
}

export type ModelListener<T> = (error: Error | null, data?: T) => void;

/** Reading history takes time, and the oldest messages expire meanwhile. */
const retentionMarginMilliseconds = 5_000;
const reopenMilliseconds = 15_000;

const shownAs: Readonly<Record<MachineState["name"], ModelState>> = {
  initialized: "initialized",
  syncing: "syncing",
  waiting: "syncing",
  replaying: "syncing",
  ready: "ready",
  catchingUp: "syncing",
  detached: "syncing",
  paused: "paused",
  errored: "errored",
  disposed: "disposed",
};

/**
 * Data of the backend: a state that was read once, with the events since then merged into it.
 * Pending changes are merged on top until the backend has confirmed or rejected them.
 */
export class Model<T, P extends readonly unknown[] = readonly unknown[]> {
  private machine: MachineState = { name: "initialized" };
  private readonly events: MachineEvent[] = [];
  private isAdvancing = false;
  private reportedState: ModelState = "initialized";
  private reason: Error | undefined;
  private stopTimer = (): void => {};

  private params: P | null = null;
  /** Rises with every change of the state, so that a late answer of the sync function is recognised. */
  private round = 0;
  /** Identifies the open channel; calls of an earlier one are ignored. */
  private feed: object | null = null;
  private closeFeed = (): void => {};
  /** The time since which events may have been missed; null while none are. */
  private awaySince: number | null = null;
  /** The state that was read and is not shown yet, because events follow. */
  private read: { readonly data: T; readonly base: string } | null = null;
  /** Messages of a replay, until it is complete; null while they are merged as they come. */
  private replayed: SourceMessage[] | null = null;

  private readonly fold: EventFold<T>;
  private readonly window: SlidingWindow;

  private readonly listeners = new Map<ModelListener<T>, { readonly call: () => void; readonly fail: (error: Error) => void }>();
  private readonly stateListeners = new Set<{ readonly state: ModelState; readonly call: (change: ModelStateChange) => void }>();

  constructor(
    readonly spec: ModelSpec<T, P>,
    private readonly settings: Settings,
  ) {
    this.fold = new EventFold(spec.channelName, spec.merge, settings, () => callAll(this.listeners.values()));
    this.window = new SlidingWindow(settings.bufferMilliseconds, settings.compareIds, settings.clock, (messages) => this.take(messages));
  }

  get state(): ModelState {
    return shownAs[this.machine.name];
  }

  /** Null until the model was ready for the first time. */
  get data(): ModelData<T> | null {
    return this.fold.data;
  }

  /** Reads the state with these parameters, now and whenever it must be read again. Resolves when the model is ready. */
  sync(...params: P): Promise<void> {
    this.params = params;
    return this.until("ready", () => this.dispatch({ type: "sync" }));
  }

  /** Closes the channel. The data stays as it is. */
  pause(): Promise<void> {
    this.awaySince ??= this.settings.clock.now();
    this.dispatch({ type: "pause" });
    return Promise.resolve();
  }

  /** Resumes after a pause, or reads the state again when that is too long ago. Resolves when the model is ready. */
  resume(): Promise<void> {
    if (this.machine.name !== "paused") return Promise.reject(new Error(`a model that is ${this.state} cannot be resumed`));
    return this.until("ready", () => this.dispatch({ type: this.canCatchUp() ? "resume" : "sync" }));
  }

  /** Ends the model for good. Pending events are rolled back. */
  dispose(): Promise<void> {
    this.dispatch({ type: "dispose" });
    this.fold.close();
    this.listeners.clear();
    this.stateListeners.clear();
    return Promise.resolve();
  }

  /** Calls back with the data, soon and after every change, and with the error when the model becomes errored. */
  subscribe(listener: ModelListener<T>, options: { readonly optimistic?: boolean } = {}): void {
    if (this.state === "disposed") throw new Error("a disposed model cannot be subscribed to");
    const isOptimistic = options.optimistic ?? true;
    let shown: { readonly data: T } | null = null;
    const entry = {
      call: () => {
        if (this.data === null) return;
        const data = isOptimistic ? this.data.optimistic : this.data.confirmed;
        if (shown !== null && Object.is(shown.data, data)) return;
        shown = { data };
        listener(null, data);
      },
      fail: (error: Error) => listener(error),
    };
    this.listeners.set(listener, entry);
    queueMicrotask(() => {
      if (this.listeners.get(listener) === entry) callAll([entry]);
    });
  }

  unsubscribe(listener: ModelListener<T>): void {
    this.listeners.delete(listener);
  }

  /** Calls back whenever the model enters this state; the result ends that. */
  on(state: ModelState, listener: (change: ModelStateChange) => void): () => void {
    const entry = { state, call: listener };
    this.stateListeners.add(entry);
    return () => this.stateListeners.delete(entry);
  }

  /**
   * Merges a change that the backend has not made yet. Call it before the change is sent. Resolves when the change is in the data.
   * The result is the promise of its confirmation, which rejects when the change is rolled back, and a function that rolls it back.
   */
  async optimistic(event: ModelEvent, options: OptimisticEventOptions = {}): Promise<[confirmation: Promise<void>, cancel: () => void]> {
    if (this.data === null || this.state === "errored" || this.state === "disposed") throw new Error(`a model that is ${this.state} takes no optimistic events: sync it first`);
    return this.fold.expect(event, options.timeout ?? this.settings.timeoutMilliseconds);
  }

  // ---- states

  private dispatch(event: MachineEvent, reason?: Error): void {
    if (reason !== undefined) this.reason = reason;
    this.events.push(event);
    if (this.isAdvancing) return;
    this.isAdvancing = true;
    try {
      for (let next = this.events.shift(); next !== undefined; next = this.events.shift()) {
        const { state, effects } = advanceModel(this.machine, next);
        if (state !== this.machine) this.round++;
        this.machine = state;
        for (const effect of effects) this.run(effect);
      }
    } finally {
      this.isAdvancing = false;
    }
    this.reportState();
  }

  private reportState(): void {
    const previous = this.reportedState;
    const current = this.state;
    if (current === previous) return;
    this.reportedState = current;
    if (current === "ready") this.reason = undefined;
    const change: ModelStateChange = { current, previous, ...(this.reason === undefined ? {} : { reason: this.reason }) };
    this.reason = undefined;
    if (current === "errored") callAll([...this.listeners.values()].map(({ fail }) => ({ call: fail })), change.reason ?? new Error("the model failed"));
    callAll([...this.stateListeners].filter(({ state }) => state === current), change);
  }

  private run(effect: MachineEffect): void {
    switch (effect.type) {
      case "read":
        void this.readState();
        break;
      case "open":
        this.open();
        break;
      case "reopen":
        this.read = null;
        this.openAt(this.fold.last!);
        break;
      case "close":
        this.feed = null;
        this.closeFeed();
        this.closeFeed = () => {};
        this.window.clear();
        this.replayed = null;
        break;
      case "install":
        this.install();
        break;
      case "startTimer": {
        const milliseconds = this.settings.retryStrategy(effect.attempt + 1);
        if (milliseconds < 0) this.dispatch({ type: "fail" });
        else this.stopTimer = this.settings.clock.after(milliseconds, () => this.dispatch({ type: "retry" }));
        break;
      }
      case "startReopenTimer":
        this.stopTimer = this.settings.clock.after(reopenMilliseconds, () => this.dispatch({ type: this.canCatchUp() ? "retry" : "sync" }));
        break;
      case "stopTimer":
        this.stopTimer();
        break;
    }
  }

  private until(wanted: ModelState, begin: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const ends: (() => void)[] = [];
      const end = (finish: () => void) => (): void => {
        for (const stop of ends) stop();
        finish();
      };
      ends.push(this.on(wanted, end(resolve)));
      for (const other of ["errored", "disposed", "paused"] as const) {
        ends.push(this.on(other, (change) => end(() => reject(change.reason ?? new Error(`the model is ${other}`)))()));
      }
      if (this.state === "disposed") end(() => reject(new Error("the model is disposed")))();
      else begin();
    });
  }

  // ---- reading

  private async readState(): Promise<void> {
    const round = this.round;
    try {
      const { data, sequenceId } = await this.spec.sync(...this.params!);
      if (round !== this.round) return;
      if (sequenceId === null || sequenceId === undefined || sequenceId === "") {
        this.dispatch({ type: "fail" }, new Error("the sync function answered without a sequenceId"));
        return;
      }
      this.read = { data, base: String(sequenceId) };
      this.dispatch({ type: "synced" });
    } catch (cause) {
      if (round === this.round) this.dispatch({ type: "syncFailed" }, errorOf(cause));
    }
  }

  /** Opens the channel at the state that was read. It opens earlier when pending events may be part of that state, to receive their outcome. */
  private open(): void {
    const { base } = this.read!;
    const { last, hasPending } = this.fold;
    if (hasPending && last !== null && this.settings.compareIds(last, base) < 0) this.openAt(last, () => this.openAt(base));
    else this.openAt(base);
  }

  private openAt(after: string, outOfReach = (): void => this.dispatch({ type: "outOfReach" })): void {
    const feed = {};
    this.feed = feed;
    this.replayed = [];
    const whileOpen = <Values extends unknown[]>(action: (...values: Values) => void) => (...values: Values): void => {
      if (this.feed === feed) action(...values);
    };
    const { spec, settings } = this;
    const close = settings.source.open(
      spec.channelName,
      after,
      {
        message: whileOpen((message) => this.receive(message)),
        live: whileOpen(() => this.dispatch({ type: "live" })),
        outOfReach: whileOpen(outOfReach),
        discontinuity: whileOpen((milliseconds) => this.lose(milliseconds)),
        failed: whileOpen((error) => this.lose(0, error)),
      },
      { historyPageSize: settings.historyPageSize, compareIds: settings.compareIds },
    );
    if (this.feed === feed) this.closeFeed = close;
    else close();
  }

  private lose(milliseconds: number, reason?: Error): void {
    this.awaySince ??= this.settings.clock.now() - milliseconds;
    this.dispatch({ type: this.canCatchUp() || this.machine.name === "replaying" ? "lost" : "sync" }, reason);
  }

  /** The channel still has everything since the last event. */
  private canCatchUp(): boolean {
    const milliseconds = this.settings.clock.now() - (this.awaySince ?? 0);
    return this.fold.last !== null && milliseconds < this.settings.retentionMilliseconds - retentionMarginMilliseconds;
  }

  // ---- messages

  private receive(message: SourceMessage): void {
    if (this.replayed === null) {
      this.window.push(message);
      return;
    }
    this.replayed.push(message);
    if (this.replayed.length > maximumReplayed) this.dispatch({ type: "outOfReach" });
  }

  private install(): void {
    const messages = this.replayed!;
    this.replayed = null;
    this.awaySince = null;
    if (this.read !== null) {
      this.fold.replace(this.read.data, this.read.base);
      this.read = null;
    }
    this.take(messages);
  }

  private take(messages: readonly SourceMessage[]): void {
    const interruption = this.fold.take(messages);
    if (interruption?.type === "unmergeable") this.dispatch({ type: "fail" }, errorOf(interruption.cause));
    if (interruption?.type !== "late") return;
    this.settings.warn(`the message ${interruption.id} of ${this.spec.channelName} came after later ones: the model reads its state again`);
    this.dispatch({ type: "sync" });
  }
}

function errorOf(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause));
}
