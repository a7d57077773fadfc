import type { SyncError } from "./syncError.js";

/**
 * The life of the one connection of a client, as a pure function. STATES.md is the same as a table, and the tests read it.
 * How to read it: per state, what each event leads to; an event that is not named changes nothing.
 */
export type ConnectionState =
  | { readonly name: "idle" }
  | { readonly name: "connecting"; readonly attempt: number }
  | { readonly name: "open" }
  /** Connected, while the engine has no stream to open: calls and channels work, live results do not. */
  | { readonly name: "streamless"; readonly attempt: number }
  | { readonly name: "waiting"; readonly attempt: number }
  /** The engine wants other credentials; only a new token helps. */
  | { readonly name: "refused" }
  | { readonly name: "closed" };

export type ConnectionEvent =
  /** The first query needs the connection; the last one has left it. */
  | { readonly type: "wanted" | "unwanted" }
  /** The open stream has told its first frame. */
  | { readonly type: "opened" }
  /** The engine has no stream at present, or never: live queries may be off. */
  | { readonly type: "unavailable" }
  | { readonly type: "lost"; readonly error: SyncError }
  | { readonly type: "refused"; readonly error: SyncError }
  | { readonly type: "retry" }
  /** The machine has its network back. */
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
  | { readonly type: "tellOpened" }
  /** Who needs no stream may begin. */
  | { readonly type: "tellConnected" }
  | { readonly type: "tellLost"; readonly error?: SyncError }
  | { readonly type: "tellRefused"; readonly error: SyncError };

export interface ConnectionStep {
  readonly state: ConnectionState;
  readonly effects: readonly ConnectionEffect[];
}

const connect = { type: "connect" } as const;
const disconnect = { type: "disconnect" } as const;
const stopTimer = { type: "stopTimer" } as const;
const tellLost = { type: "tellLost" } as const;

export function advanceConnection(state: ConnectionState, event: ConnectionEvent): ConnectionStep {
  switch (state.name) {
    case "idle":
      if (event.type === "wanted") return step({ name: "connecting", attempt: 0 }, connect);
      if (event.type === "close") return step({ name: "closed" });
      break;

    case "connecting":
      if (event.type === "opened") return step({ name: "open" }, { type: "tellOpened" });
      if (event.type === "unavailable") return step({ name: "streamless", attempt: 0 }, { type: "tellConnected" }, { type: "startTimer", attempt: 0 });
      if (event.type === "lost") return step({ name: "waiting", attempt: state.attempt }, disconnect, { type: "tellLost", error: event.error }, { type: "startTimer", attempt: state.attempt });
      if (event.type === "refused") return step({ name: "refused" }, disconnect, { type: "tellRefused", error: event.error });
      if (event.type === "unwanted") return step({ name: "idle" }, disconnect);
      if (event.type === "close") return step({ name: "closed" }, disconnect);
      break;

    case "open":
      // A refusal may be a token that has just expired: the next connection asks for a newer one, and is refused for good if there is none.
      if (event.type === "lost" || event.type === "refused") return step({ name: "waiting", attempt: 0 }, disconnect, { type: "tellLost", error: event.error }, { type: "startTimer", attempt: 0 });
      if (event.type === "tokenChanged") return step(state, { type: "authenticate" });
      if (event.type === "unwanted") return step({ name: "idle" }, disconnect, tellLost);
      if (event.type === "close") return step({ name: "closed" }, disconnect, tellLost);
      break;

    case "streamless":
      if (event.type === "retry") return step({ name: "streamless", attempt: state.attempt + 1 }, { type: "openStream" });
      if (event.type === "unavailable") return step(state, { type: "startTimer", attempt: state.attempt });
      // Whoever was told that it is connected begins again with the stream.
      if (event.type === "opened") return step({ name: "open" }, stopTimer, tellLost, { type: "tellOpened" });
      if (event.type === "lost" || event.type === "refused") return step({ name: "waiting", attempt: 0 }, stopTimer, disconnect, { type: "tellLost", error: event.error }, { type: "startTimer", attempt: 0 });
      if (event.type === "tokenChanged") return step(state, { type: "authenticate" });
      if (event.type === "unwanted") return step({ name: "idle" }, stopTimer, disconnect, tellLost);
      if (event.type === "close") return step({ name: "closed" }, stopTimer, disconnect, tellLost);
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
