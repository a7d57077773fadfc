import { backoffMilliseconds, type Backoff } from "./backoff.js";
import { callAll, type ChangeNotifier, type Publisher } from "./changeNotifier.js";
import type { Clock } from "./clock.js";
import type { ConnectionDriver } from "./connectionDriver.js";
import type { Http } from "./http.js";
import { idleState, type LiveState, type LiveStatus, type Observation } from "./liveQuery.js";
import type { Cut, Frame, Plan, ResultShape, SubscribeAnswer } from "./protocol.js";
import type { Query } from "./query.js";
import { RowStore } from "./rowStore.js";
import { advanceSubscription, type SubscriptionEffect, type SubscriptionEvent, type SubscriptionState } from "./subscription.js";
import { hubError, SyncError } from "./syncError.js";
import type { Member, Step, Timeline } from "./timeline.js";
import { areEqual, type Decoding } from "./values.js";

/** The services that the queries of a client share. */
export interface QueryContext {
  readonly http: Http;
  readonly connection: ConnectionDriver;
  readonly timeline: Timeline;
  readonly notifier: ChangeNotifier;
  readonly clock: Clock;
  readonly backoff: Backoff;
  readonly decoding: Decoding;
  /** The query of each subscription id. */
  readonly bySubscription: Map<string, SharedQuery>;
}

export interface Listener {
  readonly call: () => void;
}

export interface Observer {
  readonly call: (observation: Observation) => void;
}

/** One subscription and its rows, shared by all users of the same query. It runs the effects of its state machine, and is a member of the timeline. */
export class SharedQuery implements Member, Publisher {
  readonly listeners = new Set<Listener>();
  readonly observers = new Set<Observer>();
  /** The state that users see; `publish` replaces it. */
  state: LiveState = idleState;

  private machine: SubscriptionState = { name: "idle" };
  private subscriptionId: string | null = null;
  /** Counts the calls of POST /subscribe, so that a late answer is recognised. */
  private round = 0;
  private stopTimer = (): void => {};

  /** The rows that are shown; null before the first. */
  private store: RowStore | null = null;
  /** The rows of the present subscription; replaces `store` with its first snapshot. */
  private nextStore: RowStore | null = null;
  private cut: Cut | null = null;
  /** The cut at which the stream can resume; null when the rows are void or there are none. */
  private from: Cut | null = null;
  private plan: Plan | null = null;
  private error: SyncError | null = null;
  private stale: SyncError | null = null;

  constructor(
    readonly query: Query,
    private readonly context: QueryContext,
  ) {}

  dispatch(event: SubscriptionEvent): void {
    this.context.notifier.update(() => {
      const before = this.machine;
      const { state, effects } = advanceSubscription(before, event);
      this.machine = state;
      if (state !== before) this.context.notifier.mark(this);
      if (isOnStream(before) && !isOnStream(state) && this.subscriptionId !== null) this.context.timeline.detach(this.subscriptionId);
      for (const effect of effects) this.run(effect);
      if (!isOnStream(state) && state.name !== "detached") this.forgetId();
    });
  }

  /** Takes a frame without rows. The timeline has received it already. */
  receive(frame: Extract<Frame, { type: "reset" | "stale" | "error" }>): void {
    const error = new SyncError(frame);
    this.observe({ type: frame.type, error });
    this.context.notifier.mark(this);
    if (frame.type === "stale") {
      this.stale = error;
    } else if (frame.type === "reset") {
      this.from = null;
      this.stale = null;
      this.dispatch({ type: "reset" });
    } else {
      this.fail(error);
    }
  }

  /** Handles an error of the subscription, or of an attempt to make one, by its class. */
  fail(error: SyncError): void {
    this.context.notifier.update(() => {
      this.context.notifier.mark(this);
      // The client makes the subscription again by itself, so users see no error.
      this.error = error.class === "refetch" ? null : error;
      this.stale = null;
      if (error.code === "token_expired" && isOnStream(this.machine)) {
        this.context.connection.tokenChanged();
        this.dispatch({ type: "forgotten" });
      } else if (error.class === "backOff") {
        this.dispatch({ type: "postponed" });
      } else if (error.class === "refetch") {
        this.dispatch({ type: "forgotten" });
      } else {
        this.dispatch({ type: "ended", error });
      }
    });
  }

  apply(step: Step): void {
    this.context.notifier.mark(this);
    if (step.snapshot !== null && this.nextStore !== null) {
      this.store = this.nextStore;
      this.nextStore = null;
    }
    if (this.store === null || (step.snapshot === null && this.from === null)) {
      this.fail(new SyncError({ code: "must_refetch", message: "these frames follow no snapshot" }));
      return;
    }
    if (step.snapshot !== null) this.store.install(step.snapshot);
    for (const diff of step.diffs) this.observe({ type: "diff", cut: diff.cut, commitTime: diff.commitTime, xid: diff.xid, ...this.store.apply(diff) });
    this.cut = step.cut;
    this.from = step.cut;
    if (step.plan !== null) this.plan = step.plan;
    if (!step.isLive) return;
    this.error = null;
    this.stale = null;
    this.observe({ type: "live", cut: step.cut });
    this.dispatch({ type: "live" });
  }

  moveTo(cut: Cut): void {
    if (cut === this.cut) return;
    this.context.notifier.mark(this);
    this.cut = cut;
    this.from = cut;
  }

  publish(): void {
    this.state = {
      rows: this.store?.rows ?? idleState.rows,
      status: this.status(),
      error: this.error,
      stale: this.stale,
      plan: this.plan,
      columns: (this.store ?? this.nextStore)?.columns ?? idleState.columns,
      cut: this.cut,
    };
  }

  notify(): void {
    callAll(this.listeners);
  }

  private status(): LiveStatus {
    switch (this.machine.name) {
      case "idle":
        return "idle";
      case "live":
        return "live";
      case "failed":
        return "error";
      case "attached":
        return this.from === null ? "snapshot" : "reconnecting";
      default:
        return this.store === null ? "connecting" : "reconnecting";
    }
  }

  private observe(observation: Observation): void {
    if (this.observers.size > 0) this.context.notifier.after(() => callAll(this.observers, observation));
  }

  private run(effect: SubscriptionEffect): void {
    switch (effect.type) {
      case "subscribe":
        void this.subscribe();
        break;
      case "attach":
        void this.attach();
        break;
      case "release":
        this.release();
        break;
      case "startTimer": {
        const backoff = backoffMilliseconds(this.context.backoff, effect.attempt, this.context.clock.random());
        // Retry-After is the minimum. The backoff on top spreads the clients.
        this.stopTimer = this.context.clock.after((this.error?.retryAfterMilliseconds ?? 0) + backoff, () => this.dispatch({ type: "retry" }));
        break;
      }
      case "stopTimer":
        this.stopTimer();
        break;
    }
  }

  private async subscribe(): Promise<void> {
    const round = ++this.round;
    const isLate = (): boolean => round !== this.round || this.machine.name !== "subscribing";
    let answer: SubscribeAnswer;
    try {
      answer = await this.context.http.subscribe(this.query);
    } catch (cause) {
      if (!isLate()) this.fail(hubError(cause));
      return;
    }
    if (isLate()) {
      this.unsubscribe(answer.subscriptionId);
      return;
    }
    this.context.notifier.update(() => {
      try {
        this.expect(answer);
      } catch (cause) {
        this.fail(hubError(cause));
        return;
      }
      this.dispatch({ type: "subscribed" });
      if (this.context.connection.isOpen) this.dispatch({ type: "connected" });
    });
  }

  private expect(answer: SubscribeAnswer): void {
    this.subscriptionId = answer.subscriptionId;
    this.context.bySubscription.set(answer.subscriptionId, this);
    this.plan = answer.plan;
    const shape: ResultShape = { columns: answer.columns, key: answer.key, ordered: answer.ordered };
    if (this.store !== null && areEqual(this.store.shape, shape)) {
      this.nextStore = null;
    } else {
      this.nextStore = new RowStore(shape, this.context.decoding);
      this.from = null;
    }
  }

  private async attach(): Promise<void> {
    const id = this.subscriptionId!;
    this.context.timeline.attach(id, this);
    try {
      await this.context.connection.invoke("Attach", id, this.from);
    } catch (cause) {
      const error = hubError(cause);
      // A lost connection is its own event, and the subscription outlives it.
      if (error.code !== "network_error" && this.subscriptionId === id && this.machine.name === "attached") this.fail(error);
    }
  }

  private release(): void {
    const id = this.forgetId();
    if (id === null) return;
    this.context.connection.invoke("Detach", id).catch(ignore);
    this.unsubscribe(id);
  }

  private unsubscribe(id: string): void {
    // A failure does no harm: the engine drops a subscription that has no stream.
    this.context.http.unsubscribe(id).catch(ignore);
  }

  private forgetId(): string | null {
    const id = this.subscriptionId;
    if (id !== null) this.context.bySubscription.delete(id);
    this.subscriptionId = null;
    return id;
  }
}

function isOnStream(state: SubscriptionState): boolean {
  return state.name === "attached" || state.name === "live";
}

function ignore(): void {}
