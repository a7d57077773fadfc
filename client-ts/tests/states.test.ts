import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { advanceConnection, type ConnectionEvent, type ConnectionState } from "../src/connection.js";
import { advanceModel, type MachineEvent, type MachineState } from "../src/models/modelMachine.js";
import { advanceSubscription, type SubscriptionEvent, type SubscriptionState } from "../src/subscription.js";
import { SyncError } from "../src/syncError.js";

const error = new SyncError({ code: "internal" });

// Records, so that the compiler asks for every state and every event.
const connectionStates: Record<ConnectionState["name"], ConnectionState> = {
  idle: { name: "idle" },
  connecting: { name: "connecting", attempt: 0 },
  open: { name: "open" },
  streamless: { name: "streamless", attempt: 0 },
  waiting: { name: "waiting", attempt: 0 },
  refused: { name: "refused" },
  closed: { name: "closed" },
};
const connectionEvents: Record<ConnectionEvent["type"], ConnectionEvent> = {
  wanted: { type: "wanted" },
  unwanted: { type: "unwanted" },
  opened: { type: "opened" },
  unavailable: { type: "unavailable" },
  lost: { type: "lost", error },
  refused: { type: "refused", error },
  retry: { type: "retry" },
  online: { type: "online" },
  tokenChanged: { type: "tokenChanged" },
  close: { type: "close" },
};
const subscriptionStates: Record<SubscriptionState["name"], SubscriptionState> = {
  idle: { name: "idle" },
  subscribing: { name: "subscribing", attempt: 0 },
  waiting: { name: "waiting", attempt: 0 },
  detached: { name: "detached", attempt: 0 },
  attached: { name: "attached", attempt: 0 },
  live: { name: "live" },
  failed: { name: "failed" },
};
const subscriptionEvents: Record<SubscriptionEvent["type"], SubscriptionEvent> = {
  wanted: { type: "wanted" },
  unwanted: { type: "unwanted" },
  subscribed: { type: "subscribed" },
  connected: { type: "connected" },
  disconnected: { type: "disconnected" },
  live: { type: "live" },
  reset: { type: "reset" },
  forgotten: { type: "forgotten" },
  postponed: { type: "postponed" },
  ended: { type: "ended", error },
  retry: { type: "retry" },
  tokenChanged: { type: "tokenChanged" },
};

const modelStates: Record<MachineState["name"], MachineState> = {
  initialized: { name: "initialized" },
  syncing: { name: "syncing", attempt: 0 },
  waiting: { name: "waiting", attempt: 0 },
  replaying: { name: "replaying", attempt: 0 },
  ready: { name: "ready" },
  catchingUp: { name: "catchingUp" },
  detached: { name: "detached" },
  paused: { name: "paused" },
  errored: { name: "errored" },
  disposed: { name: "disposed" },
};
const modelEvents: Record<MachineEvent["type"], MachineEvent> = {
  sync: { type: "sync" },
  synced: { type: "synced" },
  syncFailed: { type: "syncFailed" },
  live: { type: "live" },
  outOfReach: { type: "outOfReach" },
  lost: { type: "lost" },
  retry: { type: "retry" },
  pause: { type: "pause" },
  resume: { type: "resume" },
  fail: { type: "fail" },
  dispose: { type: "dispose" },
};

check("connection", "Connection", connectionStates, connectionEvents, advanceConnection);
check("subscription", "Subscription", subscriptionStates, subscriptionEvents, advanceSubscription);
check("model", "Model", modelStates, modelEvents, advanceModel);

describe("attempts", () => {
  it("of a model are carried from reading to replaying, and rise with each wait", () => {
    const replaying = advanceModel({ name: "syncing", attempt: 3 }, { type: "synced" }).state;
    const waiting = advanceModel(replaying, { type: "outOfReach" });
    expect(waiting).toEqual({ state: { name: "waiting", attempt: 3 }, effects: [{ type: "close" }, { type: "startTimer", attempt: 3 }] });
    expect(advanceModel(waiting.state, { type: "retry" }).state).toEqual({ name: "syncing", attempt: 4 });
    expect(advanceModel(waiting.state, { type: "sync" }).state).toEqual({ name: "syncing", attempt: 0 });
  });

  it("rise with every failed connection, and begin again when one was open", () => {
    let state: ConnectionState = { name: "idle" };
    const attempts: number[] = [];
    const send = (event: ConnectionEvent): void => {
      const step = advanceConnection(state, event);
      state = step.state;
      for (const effect of step.effects) if (effect.type === "startTimer") attempts.push(effect.attempt);
    };
    send({ type: "wanted" });
    for (let round = 0; round < 3; round++) {
      send({ type: "lost", error });
      send({ type: "retry" });
    }
    send({ type: "opened" });
    send({ type: "lost", error });
    expect(attempts).toEqual([0, 1, 2, 0]);
  });

  it("of a subscription that is forgotten again before it was live wait", () => {
    const step = advanceSubscription({ name: "attached", attempt: 1 }, { type: "forgotten" });
    expect(step).toEqual({ state: { name: "waiting", attempt: 1 }, effects: [{ type: "startTimer", attempt: 1 }] });
  });

  it("are carried from the answer to the stream, so that only a live result ends them", () => {
    const detached = advanceSubscription({ name: "subscribing", attempt: 3 }, { type: "subscribed" }).state;
    expect(detached).toEqual({ name: "detached", attempt: 3 });
    expect(advanceSubscription(detached, { type: "connected" }).state).toEqual({ name: "attached", attempt: 3 });
    expect(advanceSubscription({ name: "waiting", attempt: 3 }, { type: "retry" }).state).toEqual({ name: "subscribing", attempt: 4 });
  });
});

interface Step {
  readonly state: { readonly name: string };
  readonly effects: readonly { readonly type: string }[];
}

function check<State extends { name: string }, Event>(
  machine: string,
  heading: string,
  states: Readonly<Record<string, State>>,
  events: Readonly<Record<string, Event>>,
  advance: (state: State, event: Event) => Step,
): void {
  const table = readTable(heading);

  it(`${machine}: STATES.md has every state and every event`, () => {
    expect(Object.keys(table).sort()).toEqual(Object.keys(states).sort());
    for (const cells of Object.values(table)) expect(Object.keys(cells).sort()).toEqual(Object.keys(events).sort());
  });

  for (const [state, cells] of Object.entries(table)) {
    for (const [event, cell] of Object.entries(cells)) {
      it(`${machine}: ${state} × ${event}`, () => {
        const before = states[state]!;
        const step = advance(before, events[event]!);
        if (cell === "–") {
          expect(step.state).toBe(before);
          expect(step.effects).toEqual([]);
        } else {
          const [next, effects] = cell.split(": ");
          expect(step.state.name).toBe(next);
          expect(step.effects.map((effect) => effect.type).join(", ")).toBe(effects ?? "");
        }
      });
    }
  }
}

/** The table under a heading of STATES.md: state → event → cell. */
function readTable(heading: string): Record<string, Record<string, string>> {
  const text = readFileSync(new URL("../STATES.md", import.meta.url), "utf8");
  const section = text.split(`\n## ${heading}\n`)[1]!.split("\n## ")[0]!;
  const [head, , ...body] = section
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
  return Object.fromEntries(body.map(([state, ...cells]) => [state!, Object.fromEntries(cells.map((cell, index) => [head![index + 1]!, cell]))]));
}
