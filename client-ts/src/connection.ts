import type { SyncError } from "./syncError.js";

/**
 * The life of the one connection of a client, as a pure function. STATES.md has the same as a table, and the tests read it.
 * Each state lists the events that it reacts to; any other event changes nothing.
 */
export type ConnectionState =
  | { readonly name: "idle" }
  | { readonly name: "connecting"; readonly attempt: number }
  | { readonly name: "open" }
  /** Connected, while the engine has no stream: calls and channels work, live results do not. */
  | { readonly name: "streamless"; readonly attempt: number }
  | { readonly name: "waiting"; readonly attempt: number }
  /** The engine refuses the credentials; only a new token helps. */
  | { readonly name: "refused" }
  | { readonly name: "closed" };

export type ConnectionEvent =
  /** The first query needs the connection; the last one no longer does. */
  | { readonly type: "wanted" | "unwanted" }
  /** The open stream has sent its first frame. */
  | { readonly type: "opened" }
  /** The engine has no stream at present, or never: live queries may be off. */
  | { readonly type: "unavailable" }
  | { readonly type: "lost"; readonly error: SyncError }
  | { readonly type: "refused"; readonly error: SyncError }
  | { readonly type: "retry" }
  /** The browser has its network back. */
  | { readonly type: "online" }
  | { readonly type: "tokenChanged" }
  | { readonly type: "close" };

export type ConnectionEffect =
  | { readonly type: "connect" }
  | { readonly type: "disconnect" }
  | { readonly type: "authenticate" }
  | { readonly type: "startTimer"; readonly attempt: number }
  | { readonly type: "stopTimer" }
  | { readonly type: "openStream" }
  | { readonly type: "notifyOpened" }
  /** For users that need no stream. */
  | { readonly type: "notifyConnected" }
  | { readonly type: "notifyLost"; readonly error?: SyncError }
  | { readonly type: "notifyRefused"; readonly error: SyncError };

export interface ConnectionStep {
  readonly state: ConnectionState;
  readonly effects: readonly ConnectionEffect[];
}

const connect = { type: "connect" } as const;
const disconnect = { type: "disconnect" } as const;
const stopTimer = { type: "stopTimer" } as const;
const notifyLost = { type: "notifyLost" } as const;

export function advanceConnection(state: ConnectionState, event: ConnectionEvent): ConnectionStep {
  switch (state.name) {
    case "idle":
      if (event.type === "wanted") return step({ name: "connecting", attempt: 0 }, connect);
      if (event.type === "close") return step({ name: "closed" });
      break;

    case "connecting":
      if (event.type === "opened") return step({ name: "open" }, { type: "notifyOpened" });
      if (event.type === "unavailable") return step({ name: "streamless", attempt: 0 }, { type: "notifyConnected" }, { type: "startTimer", attempt: 0 });
      if (event.type === "lost") return step({ name: "waiting", attempt: state.attempt }, disconnect, { type: "notifyLost", error: event.error }, { type: "startTimer", attempt: state.attempt });
      if (event.type === "refused") return step({ name: "refused" }, disconnect, { type: "notifyRefused", error: event.error });
      if (event.type === "unwanted") return step({ name: "idle" }, disconnect);
      if (event.type === "close") return step({ name: "closed" }, disconnect);
      break;

    case "open":
      // A refusal may be a token that has just expired: the next connection asks for a newer one, and is refused for good if there is none.
      if (event.type === "lost" || event.type === "refused") return step({ name: "waiting", attempt: 0 }, disconnect, { type: "notifyLost", error: event.error }, { type: "startTimer", attempt: 0 });
      if (event.type === "tokenChanged") return step(state, { type: "authenticate" });
      if (event.type === "unwanted") return step({ name: "idle" }, disconnect, notifyLost);
      if (event.type === "close") return step({ name: "closed" }, disconnect, notifyLost);
      break;

    case "streamless":
      if (event.type === "retry") return step({ name: "streamless", attempt: state.attempt + 1 }, { type: "openStream" });
      if (event.type === "unavailable") return step(state, { type: "startTimer", attempt: state.attempt });
      // Users that were notified of the connection begin again with the stream.
      if (event.type === "opened") return step({ name: "open" }, stopTimer, notifyLost, { type: "notifyOpened" });
      if (event.type === "lost" || event.type === "refused") return step({ name: "waiting", attempt: 0 }, stopTimer, disconnect, { type: "notifyLost", error: event.error }, { type: "startTimer", attempt: 0 });
      if (event.type === "tokenChanged") return step(state, { type: "authenticate" });
      if (event.type === "unwanted") return step({ name: "idle" }, stopTimer, disconnect, notifyLost);
      if (event.type === "close") return step({ name: "closed" }, stopTimer, disconnect, notifyLost);
      break;

    case "waiting":
      if (event.type === "retry") return step({ name: "connecting", attempt: state.attempt + 1 }, connect);
      if (event.type === "online" || event.type === "tokenChanged") return step({ name: "connecting", attempt: state.attempt + 1 }, stopTimer, connect);
      if (event.type === "unwanted") return step({ name: "idle" }, stopTimer);
      if (event.type === "close") return step({ name: "closed" }, stopTimer);
      break;

    case "refused":
      if (event.type === "tokenChanged" || event.type === "wanted") return step({ name: "connecting", attempt: 0 }, connect);
      if (event.type === "unwanted") return step({ name: "idle" });
      if (event.type === "close") return step({ name: "closed" });
      break;

    case "closed":
      break;
  }
  return { state, effects: [] };
}

function step(state: ConnectionState, ...effects: ConnectionEffect[]): ConnectionStep {
  return { state, effects };
}
