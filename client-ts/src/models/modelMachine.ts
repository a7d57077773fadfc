/**
 * The life of a model, as a pure function. STATES.md has the same as a table, and the tests read it.
 * Each state lists the events that it reacts to; any other event changes nothing.
 */
export type MachineState =
  | { readonly name: "initialized" }
  /** The sync function runs. */
  | { readonly name: "syncing"; readonly attempt: number }
  /** It failed, or the channel no longer holds the messages after its answer. It will be called again. */
  | { readonly name: "waiting"; readonly attempt: number }
  /** The channel sends the messages since the state that was read. */
  | { readonly name: "replaying"; readonly attempt: number }
  | { readonly name: "ready" }
  /** The channel sends the messages that were missed. */
  | { readonly name: "catchingUp" }
  /** The channel could not be opened; it will be tried again. */
  | { readonly name: "detached" }
  | { readonly name: "paused" }
  | { readonly name: "errored" }
  | { readonly name: "disposed" };

export type MachineEvent =
  /** The user asks for the state, or messages were missed: it is read again. */
  | { readonly type: "sync" }
  | { readonly type: "synced" }
  | { readonly type: "syncFailed" }
  /** The channel has sent all held messages. */
  | { readonly type: "live" }
  | { readonly type: "outOfReach" }
  | { readonly type: "lost" }
  | { readonly type: "retry" }
  | { readonly type: "pause" }
  | { readonly type: "resume" }
  /** A failure that a repetition cannot correct. */
  | { readonly type: "fail" }
  | { readonly type: "dispose" };

export type MachineEffect =
  /** Call the sync function. */
  | { readonly type: "read" }
  /** Open the channel at the state that was read, or at the last message. */
  | { readonly type: "open" | "reopen" }
  | { readonly type: "close" }
  /** Replace the state by the one that was read, if any, and merge the messages since. */
  | { readonly type: "install" }
  | { readonly type: "startTimer"; readonly attempt: number }
  | { readonly type: "startReopenTimer" }
  | { readonly type: "stopTimer" };

export interface MachineStep {
  readonly state: MachineState;
  readonly effects: readonly MachineEffect[];
}

const read = { type: "read" } as const;
const open = { type: "open" } as const;
const reopen = { type: "reopen" } as const;
const close = { type: "close" } as const;
const install = { type: "install" } as const;
const stopTimer = { type: "stopTimer" } as const;
const startReopenTimer = { type: "startReopenTimer" } as const;

export function advanceModel(state: MachineState, event: MachineEvent): MachineStep {
  switch (state.name) {
    case "initialized":
      break;

    case "syncing":
      if (event.type === "synced") return step({ name: "replaying", attempt: state.attempt }, open);
      if (event.type === "syncFailed") return wait(state.attempt);
      if (event.type === "pause") return step({ name: "paused" });
      if (event.type === "fail") return step({ name: "errored" });
      break;

    case "waiting":
      if (event.type === "sync") return step({ name: "syncing", attempt: 0 }, stopTimer, read);
      if (event.type === "retry") return step({ name: "syncing", attempt: state.attempt + 1 }, read);
      if (event.type === "pause") return step({ name: "paused" }, stopTimer);
      if (event.type === "fail") return step({ name: "errored" }, stopTimer);
      if (event.type === "dispose") return step({ name: "disposed" }, stopTimer);
      break;

    case "replaying":
      if (event.type === "sync") return step({ name: "syncing", attempt: 0 }, close, read);
      if (event.type === "live") return step({ name: "ready" }, install);
      if (event.type === "outOfReach" || event.type === "lost") return wait(state.attempt, close);
      if (event.type === "pause") return step({ name: "paused" }, close);
      if (event.type === "fail") return step({ name: "errored" }, close);
      if (event.type === "dispose") return step({ name: "disposed" }, close);
      break;

    case "ready":
      if (event.type === "sync" || event.type === "outOfReach") return step({ name: "syncing", attempt: 0 }, close, read);
      if (event.type === "lost") return step({ name: "catchingUp" }, close, reopen);
      if (event.type === "pause") return step({ name: "paused" }, close);
      if (event.type === "fail") return step({ name: "errored" }, close);
      if (event.type === "dispose") return step({ name: "disposed" }, close);
      break;

    case "catchingUp":
      if (event.type === "sync" || event.type === "outOfReach") return step({ name: "syncing", attempt: 0 }, close, read);
      if (event.type === "live") return step({ name: "ready" }, install);
      if (event.type === "lost") return step({ name: "detached" }, close, startReopenTimer);
      if (event.type === "pause") return step({ name: "paused" }, close);
      if (event.type === "fail") return step({ name: "errored" }, close);
      if (event.type === "dispose") return step({ name: "disposed" }, close);
      break;

    case "detached":
      if (event.type === "sync") return step({ name: "syncing", attempt: 0 }, stopTimer, read);
      if (event.type === "retry") return step({ name: "catchingUp" }, reopen);
      if (event.type === "pause") return step({ name: "paused" }, stopTimer);
      if (event.type === "dispose") return step({ name: "disposed" }, stopTimer);
      break;

    case "paused":
      if (event.type === "resume") return step({ name: "catchingUp" }, reopen);
      break;

    case "errored":
      break;

    case "disposed":
      return { state, effects: [] };
  }
  if (event.type === "sync") return step({ name: "syncing", attempt: 0 }, read);
  if (event.type === "dispose") return step({ name: "disposed" });
  return { state, effects: [] };
}

function step(state: MachineState, ...effects: MachineEffect[]): MachineStep {
  return { state, effects };
}

function wait(attempt: number, ...before: MachineEffect[]): MachineStep {
  return step({ name: "waiting", attempt }, ...before, { type: "startTimer", attempt });
}
