import type { SyncError } from "./syncError.js";

/**
 * The life of the one connection of a client, as a pure function. STATES.md is the same as a table, and the tests read it.
 * How to read it: per state, what each event leads to; an event that is not named changes nothing.
 */
export type ConnectionState =
  | { readonly name: "idle" }
  | { readonly name: "connecting"; readonly attempt: number }
  | { readonly name: "open" }
  | { readonly name: "waiting"; readonly attempt: number }
  /** The engine wants other credentials; only a new token helps. */
  | { readonly name: "refused" }
  | { readonly name: "closed" };

export type ConnectionEvent =
  /** The first query needs the connection; the last one has left it. */
  | { readonly type: "wanted" | "unwanted" }
  /** The open stream has told its first frame. */
  | { readonly type: "opened" }
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
  | { readonly type: "tellOpened" }
  | { readonly type: "tellLost" }
  | { readonly type: "tellRefused"; readonly error: SyncError };

export interface ConnectionStep {
  readonly state: ConnectionState;
  readonly effects: readonly ConnectionEffect[];
}

const connect = { type: "connect" } as const;
const disconnect = { type: "disconnect" } as const;
const stopTimer = { type: "stopTimer" } as const;

export function advanceConnection(state: ConnectionState, event: ConnectionEvent): ConnectionStep {
  switch (state.name) {
    case "idle":
      if (event.type === "wanted") return step({ name: "connecting", attempt: 0 }, connect);
      if (event.type === "close") return step({ name: "closed" });
      break;

    case "connecting":
      if (event.type === "opened") return step({ name: "open" }, { type: "tellOpened" });
      if (event.type === "lost") return step({ name: "waiting", attempt: state.attempt }, disconnect, { type: "tellLost" }, { type: "startTimer", attempt: state.attempt });
      if (event.type === "refused") return step({ name: "refused" }, disconnect, { type: "tellRefused", error: event.error });
      if (event.type === "unwanted") return step({ name: "idle" }, disconnect);
      if (event.type === "close") return step({ name: "closed" }, disconnect);
      break;

    case "open":
      // A refusal may be a token that has just expired: the next connection asks for a newer one, and is refused for good if there is none.
      if (event.type === "lost" || event.type === "refused") return step({ name: "waiting", attempt: 0 }, disconnect, { type: "tellLost" }, { type: "startTimer", attempt: 0 });
      if (event.type === "tokenChanged") return step(state, { type: "authenticate" });
      if (event.type === "unwanted") return step({ name: "idle" }, disconnect, { type: "tellLost" });
      if (event.type === "close") return step({ name: "closed" }, disconnect, { type: "tellLost" });
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
