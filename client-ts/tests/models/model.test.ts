import { beforeEach, describe, expect, it, vi } from "vitest";
import { ModelsClient, type Model, type ModelsClientOptions, type ModelStateChange, type Sync } from "../../src/models/index.js";
import { merge, message, ScriptedSource, type Merged } from "../support/channel.js";
import { ManualClock, allSettled } from "../support/engine.js";

let source: ScriptedSource;
let clock: ManualClock;
let warnings: string[];

beforeEach(() => {
  source = new ScriptedSource();
  clock = new ManualClock();
  warnings = [];
});

function modelsClient(options: Partial<ModelsClientOptions> = {}): ModelsClient {
  return new ModelsClient({ source, clock, warn: (text) => warnings.push(text), ...options });
}

function make(sync: Sync<Merged, []>, options: Partial<ModelsClientOptions> = {}): { readonly model: Model<Merged, []>; readonly states: ModelStateChange[] } {
  const model = modelsClient(options).models.get({ channelName: "posts", sync, merge });
  const states: ModelStateChange[] = [];
  for (const state of ["initialized", "syncing", "ready", "paused", "errored", "disposed"] as const) model.on(state, (change) => states.push(change));
  return { model, states };
}

const at = (sequenceId: string | number | null, ...data: string[]) => () => Promise.resolve({ data, sequenceId });

async function becomeReady(model: Model<Merged, []>): Promise<void> {
  const ready = model.sync();
  await allSettled();
  source.feed.reader.live();
  await ready;
}

describe("a models client", () => {
  it("gives the same model for the same channel, and another after it was disposed", async () => {
    const client = modelsClient();
    const spec = { channelName: "posts", sync: at(0), merge };
    const model = client.models.get(spec);
    expect(client.models.get({ ...spec })).toBe(model);
    expect(client.models.get({ ...spec, channelName: "others" })).not.toBe(model);
    await model.dispose();
    expect(client.models.get(spec)).not.toBe(model);
  });

  it("refuses a page size that the history does not take", () => {
    for (const historyPageSize of [0, 1_001, 1.5]) expect(() => modelsClient({ syncOptions: { historyPageSize } })).toThrow(RangeError);
  });
});

describe("syncing", () => {
  it("reads the state, replays what came since, and is ready", async () => {
    const { model, states } = make(at("7", "a"), { syncOptions: { historyPageSize: 20 } });
    expect([model.state, model.data]).toEqual(["initialized", null]);
    const ready = model.sync();
    expect(model.state).toBe("syncing");
    await allSettled();
    expect(source.feed).toMatchObject({ channel: "posts", after: "7", options: { historyPageSize: 20 } });
    source.send(message(8, "b"));
    expect(model.data).toBe(null);
    source.feed.reader.live();
    await ready;
    expect(model.data).toEqual({ confirmed: ["a", "b"], optimistic: ["a", "b"] });
    source.send(message(9, "c"));
    expect(model.data!.confirmed).toEqual(["a", "b", "c"]);
    expect(states.map(({ previous, current }) => `${previous} ${current}`)).toEqual(["initialized syncing", "syncing ready"]);
  });

  it("passes its parameters to the function, also when it reads again", async () => {
    const sync = vi.fn((page: number) => Promise.resolve({ data: [`page ${page}`], sequenceId: "1" }));
    const model = modelsClient().models.get({ channelName: "posts", sync, merge });
    const ready = model.sync(3);
    await allSettled();
    source.feed.reader.live();
    await ready;
    source.feed.reader.outOfReach();
    expect(sync.mock.calls).toEqual([[3], [3]]);
  });

  it("is errored without a sequenceId, and does not try again", async () => {
    for (const sequenceId of [null, undefined, ""]) {
      const { model } = make(() => Promise.resolve({ data: [], sequenceId }));
      await expect(model.sync()).rejects.toThrow("without a sequenceId");
      expect(model.state).toBe("errored");
      expect(clock.pending).toEqual([]);
    }
  });

  it("takes 0 for an id", async () => {
    const { model } = make(at(0));
    await becomeReady(model);
    expect(source.feed.after).toBe("0");
  });

  it("tries again after 1, 2, 4 … 60 seconds, ten times, and is errored then", async () => {
    const failure = new Error("no backend");
    const sync = vi.fn(() => Promise.reject(failure));
    const { model, states } = make(sync);
    const ready = model.sync();
    ready.catch(() => {});
    const waits: number[] = [];
    await allSettled();
    while (clock.pending.length > 0) {
      waits.push(clock.pending[0]! / 1_000);
      await clock.pass(clock.pending[0]!);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
    expect(sync).toHaveBeenCalledTimes(11);
    await expect(ready).rejects.toBe(failure);
    expect(states.at(-1)).toMatchObject({ current: "errored", reason: failure });
  });

  it("asks a strategy of the user's when to try again", async () => {
    const { model } = make(() => Promise.reject(new Error("no")), { syncOptions: { retryStrategy: (attempt) => (attempt < 3 ? attempt * 10 : -1) } });
    const ready = model.sync();
    ready.catch(() => {});
    await allSettled();
    await clock.pass(10);
    expect(clock.pending).toEqual([20]);
    await clock.pass(20);
    await expect(ready).rejects.toThrow("no");
  });

  it("reads again, after a wait, when the channel no longer holds the messages after what was read", async () => {
    const sync = vi.fn(at(5, "old"));
    const { model } = make(sync);
    const ready = model.sync();
    await allSettled();
    source.feed.reader.outOfReach();
    expect(source.feed.isClosed).toBe(true);
    sync.mockImplementation(at(9, "new"));
    await clock.pass(1_000);
    source.feed.reader.live();
    await ready;
    expect(model.data!.confirmed).toEqual(["new"]);
  });

  it("keeps the data as it was until the new one is complete", async () => {
    const sync = vi.fn(at(1, "old"));
    const { model } = make(sync);
    await becomeReady(model);
    sync.mockImplementation(at(5, "new"));
    const again = model.sync();
    await allSettled();
    source.send(message(6, "six"));
    expect(model.data!.confirmed).toEqual(["old"]);
    source.feed.reader.live();
    await again;
    expect(model.data!.confirmed).toEqual(["new", "six"]);
  });

  it("ignores the answer of a function that was asked before", async () => {
    let answer: (value: { data: Merged; sequenceId: string }) => void = () => {};
    const sync = vi.fn<Sync<Merged, []>>(() => new Promise((resolve) => (answer = resolve)));
    const { model } = make(sync);
    void model.sync();
    const late = answer;
    sync.mockImplementation(at(2, "second"));
    await becomeReady(model);
    late({ data: ["first"], sequenceId: "1" });
    await allSettled();
    expect(model.data!.confirmed).toEqual(["second"]);
    expect(source.feeds).toHaveLength(1);
  });
});

describe("events", () => {
  it("without the uuid header are skipped with a warning", async () => {
    const { model } = make(at(0));
    await becomeReady(model);
    source.send(message(1, null), message(2, "b"));
    expect(model.data!.confirmed).toEqual(["b"]);
    expect(warnings).toEqual(["the message 1 of posts has no header x-ably-models-event-uuid and is skipped"]);
  });

  it("that are rejected are never merged", async () => {
    const { model } = make(at(0));
    await becomeReady(model);
    source.send(message(1, "a", "poison", { isRejected: true }));
    expect([model.state, model.data!.confirmed]).toEqual(["ready", []]);
  });

  it("are handed to merge with all that they carry", async () => {
    const merged = vi.fn((state: Merged) => state);
    const model = modelsClient().models.get({ channelName: "posts", sync: at(0), merge: merged });
    await becomeReady(model);
    source.send(message("12", "m", { text: "hi" }, { name: "edited" }));
    expect(merged.mock.calls.at(-1)).toEqual([[], { mutationId: "m", name: "edited", data: { text: "hi" }, confirmed: true, sequenceId: "12", rejected: false }]);
  });

  it("are merged once, also when they come twice or are part of the state already", async () => {
    const { model } = make(at(5, "old"));
    await becomeReady(model);
    source.send(message(4, "four"), message(5, "five"), message(6, "six"), message(6, "six"), message(10, "ten"), message(6, "six"));
    expect(model.data!.confirmed).toEqual(["old", "six", "ten"]);
  });

  it("that come after later ones make the model read its state again", async () => {
    const sync = vi.fn(at(1));
    const { model } = make(sync);
    await becomeReady(model);
    sync.mockImplementation(at(5, "all"));
    source.send(message(5, "five"), message(4, "four"));
    expect(model.state).toBe("syncing");
    await allSettled();
    source.feed.reader.live();
    expect(model.data!.confirmed).toEqual(["all"]);
    expect(warnings).toEqual(["the message 4 of posts came after later ones: the model reads its state again"]);
  });

  it("that cannot be merged make this model errored, and disturb no other model", async () => {
    const client = modelsClient();
    const model = client.models.get({ channelName: "posts", sync: at(0), merge });
    const other = client.models.get({ channelName: "others", sync: at(0), merge });
    await becomeReady(model);
    const feed = source.feed;
    await becomeReady(other);
    const received: unknown[] = [];
    model.subscribe((error, data) => received.push(error?.message ?? data));
    await allSettled();
    feed.reader.message(message(1, "a"));
    feed.reader.message(message(2, "b", "poison"));
    feed.reader.message(message(3, "c"));
    expect([model.state, model.data!.confirmed, feed.isClosed]).toEqual(["errored", ["a"], true]);
    expect(received).toEqual([[], ["a"], "cannot merge poison"]);
    source.send(message(1, "x"));
    expect([other.state, other.data!.confirmed]).toEqual(["ready", ["x"]]);
    await becomeReady(model);
    expect(model.state).toBe("ready");
  });
});

describe("listeners", () => {
  it("receive the data soon, then every change that they asked for", async () => {
    const { model } = make(at(0, "a"));
    await becomeReady(model);
    const optimistic: unknown[] = [];
    const confirmed: unknown[] = [];
    model.subscribe((_, data) => optimistic.push(data));
    const listener = (_: Error | null, data?: Merged): unknown => confirmed.push(data);
    model.subscribe(listener, { optimistic: false });
    expect(optimistic).toEqual([]);
    await allSettled();
    await model.optimistic({ mutationId: "m", name: "added" });
    source.send(message(1, "m"));
    expect(optimistic).toEqual([["a"], ["a", "m?"], ["a", "m"]]);
    expect(confirmed).toEqual([["a"], ["a", "m"]]);
    model.unsubscribe(listener);
    source.send(message(2, "n"));
    expect(confirmed).toHaveLength(2);
  });

  it("cannot listen to a model that was disposed", async () => {
    const { model } = make(at(0));
    await model.dispose();
    expect(() => model.subscribe(() => {})).toThrow("disposed");
    await expect(model.sync()).rejects.toThrow("disposed");
  });
});

describe("pausing", () => {
  it("closes the channel, and resumes after the last message", async () => {
    const sync = vi.fn(at(0));
    const { model, states } = make(sync);
    await becomeReady(model);
    source.send(message(3, "a"));
    await model.pause();
    expect([model.state, source.feed.isClosed]).toEqual(["paused", true]);
    source.send(message(4, "late"));
    expect(model.data!.confirmed).toEqual(["a"]);
    await clock.pass(114_999);
    const ready = model.resume();
    expect(source.feed.after).toBe("3");
    source.send(message(4, "b"));
    source.feed.reader.live();
    await ready;
    expect(model.data!.confirmed).toEqual(["a", "b"]);
    expect(sync).toHaveBeenCalledTimes(1);
    expect(states.map(({ current }) => current)).toEqual(["syncing", "ready", "paused", "syncing", "ready"]);
  });

  it("for longer than messages are kept, less five seconds, reads the state again", async () => {
    for (const [messageRetentionPeriod, milliseconds] of [["2m", 115_000], ["24h", 86_395_000], ["72h", 259_195_000]] as const) {
      const sync = vi.fn(at(0));
      const { model } = make(sync, { syncOptions: { messageRetentionPeriod } });
      await becomeReady(model);
      await model.pause();
      await clock.pass(milliseconds - 1);
      await model.pause();
      await clock.pass(1);
      const ready = model.resume();
      await allSettled();
      source.feed.reader.live();
      await ready;
      expect(sync).toHaveBeenCalledTimes(2);
    }
  });

  it("falls back to reading again when the last message is out of reach", async () => {
    const sync = vi.fn(at(0));
    const { model } = make(sync);
    await becomeReady(model);
    await model.pause();
    const ready = model.resume();
    source.feed.reader.outOfReach();
    await allSettled();
    source.feed.reader.live();
    await ready;
    expect(sync).toHaveBeenCalledTimes(2);
  });

  it("is what resuming needs", async () => {
    const { model } = make(at(0));
    await expect(model.resume()).rejects.toThrow("a model that is initialized cannot be resumed");
  });
});

describe("a channel that was lost", () => {
  it("is opened again at the last message, at once and then every 15 seconds", async () => {
    const sync = vi.fn(at(0));
    const { model } = make(sync);
    await becomeReady(model);
    source.send(message(3, "a"));
    source.feed.reader.discontinuity(1_000);
    expect(source.feeds).toHaveLength(2);
    source.feed.reader.failed(new Error("not yet"));
    expect(clock.pending).toEqual([15_000]);
    await clock.pass(15_000);
    expect(source.feed.after).toBe("3");
    source.send(message(4, "b"));
    source.feed.reader.live();
    expect([model.state, model.data!.confirmed]).toEqual(["ready", ["a", "b"]]);
    expect(sync).toHaveBeenCalledTimes(1);
  });

  it("for too long has its state read again", async () => {
    const sync = vi.fn(at(0));
    const { model } = make(sync);
    await becomeReady(model);
    source.feed.reader.discontinuity(120_000);
    expect(sync).toHaveBeenCalledTimes(2);
    await allSettled();
    source.feed.reader.live();
    source.feed.reader.failed(new Error("away"));
    for (let tries = 1; tries <= 7; tries++) {
      source.feed.reader.failed(new Error("away"));
      await clock.pass(15_000);
    }
    expect(sync).toHaveBeenCalledTimes(2);
    source.feed.reader.failed(new Error("away"));
    await clock.pass(15_000);
    expect(sync).toHaveBeenCalledTimes(3);
  });

  it("reports nothing more", async () => {
    const { model } = make(at(0));
    await becomeReady(model);
    const old = source.feed;
    old.reader.discontinuity(0);
    source.feed.reader.live();
    old.reader.message(message(1, "late"));
    old.reader.outOfReach();
    expect([model.state, model.data!.confirmed]).toEqual(["ready", []]);
  });
});

describe("the sliding window", () => {
  it("brings messages into order, drops a second one, and lets them go in order", async () => {
    const { model } = make(at(0), { eventBufferOptions: { bufferMs: 100 } });
    await becomeReady(model);
    source.send(message(2, "b"));
    await clock.pass(60);
    source.send(message(1, "a"), message(2, "b"), message(4, "d"));
    expect(model.data!.confirmed).toEqual([]);
    await clock.pass(40);
    expect(model.data!.confirmed).toEqual(["a", "b"]);
    source.send(message(3, "c"));
    await clock.pass(60);
    expect(model.data!.confirmed).toEqual(["a", "b", "c", "d"]);
    expect(warnings).toEqual([]);
  });

  it("takes the order of the user's", async () => {
    const { model } = make(at("z"), { eventBufferOptions: { bufferMs: 10, eventOrderer: (left, right) => (left < right ? 1 : left > right ? -1 : 0) } });
    await becomeReady(model);
    source.send(message("x", "x"), message("y", "y"));
    await clock.pass(10);
    expect(model.data!.confirmed).toEqual(["y", "x"]);
  });

  it("drops waiting messages when the model is paused, and receives them again", async () => {
    const { model } = make(at(0), { eventBufferOptions: { bufferMs: 100 } });
    await becomeReady(model);
    source.send(message(1, "a"));
    await model.pause();
    await clock.pass(100);
    expect(model.data!.confirmed).toEqual([]);
    const ready = model.resume();
    expect(source.feed.after).toBe("0");
    source.send(message(1, "a"));
    source.feed.reader.live();
    await ready;
    expect(model.data!.confirmed).toEqual(["a"]);
  });
});
