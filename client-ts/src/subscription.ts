import type { SyncError } from "./syncError.js";

/**
 * The life of one subscription, as a pure function. STATES.md has the same as a table, and the tests read it.
 * Each state lists the events that it reacts to; any other event changes nothing.
 * `attempt` counts the tries since the result was last live.
 */
export type SubscriptionState =
  | { readonly name: "idle" }
  /** POST /subscribe is under way. */
  | { readonly name: "subscribing"; readonly attempt: number }
  /** Until the next try of POST /subscribe. */
  | { readonly name: "waiting"; readonly attempt: number }
  /** It has an id and no stream. */
  | { readonly name: "detached"; readonly attempt: number }
  /** On the stream and not live yet: a snapshot or a replay is arriving. */
  | { readonly name: "attached"; readonly attempt: number }
  | { readonly name: "live" }
  | { readonly name: "failed" };

export type SubscriptionEvent =
  | { readonly type: "wanted" | "unwanted" }
  /** POST /subscribe was answered. */
  | { readonly type: "subscribed" }
  /** The open stream has begun; it has ended. */
  | { readonly type: "connected" | "disconnected" }
  | { readonly type: "live" }
  | { readonly type: "reset" }
  /** The engine no longer knows the subscription, or asks for a new one. */
  | { readonly type: "forgotten" }
  /** The engine asks for a later try. */
  | { readonly type: "postponed" }
  /** It has ended, and the same request would fail again. */
  | { readonly type: "ended"; readonly error: SyncError }
  | { readonly type: "retry" }
  | { readonly type: "tokenChanged" };

export type SubscriptionEffect =
  | { readonly type: "subscribe" }
  | { readonly type: "attach" }
  /** Take it off the stream and DELETE it. */
  | { readonly type: "release" }
  | { readonly type: "startTimer"; readonly attempt: number }
  | { readonly type: "stopTimer" };

export interface SubscriptionStep {
  readonly state: SubscriptionState;
  readonly effects: readonly SubscriptionEffect[];
}

const subscribe = { type: "subscribe" } as const;
const attach = { type: "attach" } as const;
const release = { type: "release" } as const;
const stopTimer = { type: "stopTimer" } as const;

export function advanceSubscription(state: SubscriptionState, event: SubscriptionEvent): SubscriptionStep {
  switch (state.name) {
    case "idle":
      if (event.type === "wanted") return step({ name: "subscribing", attempt: 0 }, subscribe);
      break;

    case "subscribing":
      if (event.type === "subscribed") return step({ name: "detached", attempt: state.attempt });
      if (event.type === "postponed" || event.type === "forgotten") return wait(state.attempt);
      if (event.type === "ended") return step({ name: "failed" });
      if (event.type === "unwanted") return step({ name: "idle" });
      break;

    case "waiting":
      if (event.type === "retry") return step({ name: "subscribing", attempt: state.attempt + 1 }, subscribe);
      if (event.type === "tokenChanged") return step({ name: "subscribing", attempt: state.attempt + 1 }, stopTimer, subscribe);
      if (event.type === "ended") return step({ name: "failed" }, stopTimer);
      if (event.type === "unwanted") return step({ name: "idle" }, stopTimer);
      break;

    case "detached":
      if (event.type === "connected") return step({ name: "attached", attempt: state.attempt }, attach);
      if (event.type === "ended") return step({ name: "failed" }, release);
      if (event.type === "unwanted") return step({ name: "idle" }, release);
      break;

    case "attached":
      if (event.type === "live") return step({ name: "live" });
      if (event.type === "disconnected") return step({ name: "detached", attempt: state.attempt });
      // The first time at once. When that leads to no live result, each further try waits.
      if (event.type === "forgotten") return state.attempt === 0 ? step({ name: "subscribing", attempt: 1 }, subscribe) : wait(state.attempt);
      if (event.type === "postponed") return wait(state.attempt, release);
      if (event.type === "ended") return step({ name: "failed" });
      if (event.type === "unwanted") return step({ name: "idle" }, release);
      break;

    case "live":
      if (event.type === "reset") return step({ name: "attached", attempt: 0 });
      if (event.type === "disconnected") return step({ name: "detached", attempt: 0 });
      if (event.type === "forgotten") return step({ name: "subscribing", attempt: 1 }, subscribe);
      if (event.type === "postponed") return wait(0, release);
      if (event.type === "ended") return step({ name: "failed" });
      if (event.type === "unwanted") return step({ name: "idle" }, release);
      break;

    case "failed":
      if (event.type === "retry" || event.type === "tokenChanged") return step({ name: "subscribing", attempt: 0 }, subscribe);
      if (event.type === "unwanted") return step({ name: "idle" });
      break;
  }
  return { state, effects: [] };
}

function step(state: SubscriptionState, ...effects: SubscriptionEffect[]): SubscriptionStep {
  return { state, effects };
}

function wait(attempt: number, ...before: SubscriptionEffect[]): SubscriptionStep {
  return step({ name: "waiting", attempt }, ...before, { type: "startTimer", attempt });
}
