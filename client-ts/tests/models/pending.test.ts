import { beforeEach, describe, expect, it, vi } from "vitest";
import { ModelsClient, type Model } from "../../src/models/index.js";
import { merge, message, ScriptedSource, type Merged } from "../support/channel.js";
import { ManualClock, allSettled } from "../support/engine.js";

let source: ScriptedSource;
let clock: ManualClock;
let model: Model<Merged, []>;
const sync = vi.fn(() => Promise.resolve({ data: ["s"] as Merged, sequenceId: "10" }));

beforeEach(async () => {
  source = new ScriptedSource();
  clock = new ManualClock();
  sync.mockImplementation(() => Promise.resolve({ data: ["s"], sequenceId: "10" }));
  model = new ModelsClient({ source, clock, warn: () => {} }).models.get({ channelName: "posts", sync, merge });
  const ready = model.sync();
  await allSettled();
  source.feed.reader.live();
  await ready;
});

const expected = (mutationId: string, data: unknown = null) => model.optimistic({ mutationId, name: `add ${mutationId}`, data });

describe("a pending event", () => {
  it("is in the optimistic data at once, and not in the confirmed", async () => {
    await expected("a");
    expect(model.data).toEqual({ optimistic: ["s", "a?"], confirmed: ["s"] });
  });

  it("its confirmation: takes its place in one step", async () => {
    const seen: unknown[] = [];
    model.subscribe((_, data) => seen.push(data));
    await allSettled();
    const [confirmation] = await expected("a");
    source.send(message(11, "a"));
    await confirmation;
    expect(model.data).toEqual({ optimistic: ["s", "a"], confirmed: ["s", "a"] });
    expect(seen).toEqual([["s"], ["s", "a?"], ["s", "a"]]);
    expect(clock.pending).toEqual([]);
  });

  it("another's confirmation: is applied again after it", async () => {
    await expected("a");
    await expected("b");
    source.send(message(11, "x"));
    expect(model.data!.optimistic).toEqual(["s", "x", "a?", "b?"]);
    source.send(message(12, "b"));
    expect(model.data!.optimistic).toEqual(["s", "x", "b", "a?"]);
  });

  it("its rejection: is rolled back, with the names of what was rejected", async () => {
    const [confirmation] = await expected("a");
    source.send(message(11, "a", "poison", { isRejected: true }));
    await expect(confirmation).rejects.toMatchObject({ code: "rejected", message: "events were rejected: add a", mutationId: "a" });
    expect(model.data).toEqual({ optimistic: ["s"], confirmed: ["s"] });
    expect(model.state).toBe("ready");
  });

  it("its timeout: is rolled back after five seconds, or after its own timeout", async () => {
    const [first] = await expected("a");
    const [second] = await model.optimistic({ mutationId: "b", name: "b" }, { timeout: 6_000 });
    await clock.pass(5_000);
    await expect(first).rejects.toMatchObject({ code: "timeout", message: "timed out waiting for event confirmation" });
    expect(model.data!.optimistic).toEqual(["s", "b?"]);
    await clock.pass(1_000);
    await expect(second).rejects.toMatchObject({ code: "timeout" });
  });

  it("its cancel: is rolled back, once", async () => {
    const [confirmation, cancel] = await expected("a");
    cancel();
    cancel();
    await expect(confirmation).rejects.toMatchObject({ code: "cancelled", message: "optimistic event cancelled" });
    expect(model.data!.optimistic).toEqual(["s"]);
    const [again] = await expected("a");
    cancel();
    expect(model.data!.optimistic).toEqual(["s", "a?"]);
    source.send(message(11, "a"));
    await again;
  });

  it("a merge that throws at first: is refused, and changes nothing", async () => {
    await expect(expected("a", "poison")).rejects.toThrow("cannot merge poison");
    expect([model.state, model.data!.optimistic]).toEqual(["ready", ["s"]]);
    expect(clock.pending).toEqual([]);
  });

  it("a merge that throws now: is rolled back, and the others stay", async () => {
    const fragile = new ModelsClient({ source, clock }).models.get({
      channelName: "fragile",
      sync,
      merge: (state: Merged, event) => {
        if (!event.confirmed && event.mutationId === "a" && state.includes("x")) throw new Error("x is in the way");
        return merge(state, event);
      },
    });
    const ready = fragile.sync();
    await allSettled();
    source.feed.reader.live();
    await ready;
    const [a] = await fragile.optimistic({ mutationId: "a", name: "a" });
    await fragile.optimistic({ mutationId: "b", name: "b" });
    source.send(message(11, "x"));
    await expect(a).rejects.toMatchObject({ code: "failed", cause: { message: "x is in the way" } });
    expect([fragile.state, fragile.data!.optimistic]).toEqual(["ready", ["s", "x", "b?"]]);
  });

  it("a new state is read: is applied over it", async () => {
    await expected("a");
    sync.mockImplementation(() => Promise.resolve({ data: ["t"], sequenceId: "20" }));
    const again = model.sync();
    await allSettled();
    source.feed.reader.live();
    await again;
    expect(model.data!.optimistic).toEqual(["t", "a?"]);
  });

  it("a new state that holds it is read: is confirmed by its message, which is not merged again", async () => {
    const seen: unknown[] = [];
    const [a] = await expected("a");
    const [b] = await expected("b");
    model.subscribe((_, data) => seen.push(data));
    sync.mockImplementation(() => Promise.resolve({ data: ["t", "a"], sequenceId: "20" }));
    const again = model.sync();
    await allSettled();
    expect(source.feed.after).toBe("10");
    source.send(message(15, "a"), message(16, "b", null, { isRejected: true }), message(21, "c"));
    source.feed.reader.live();
    await again;
    await a;
    await expect(b).rejects.toMatchObject({ code: "rejected" });
    expect(model.data).toEqual({ optimistic: ["t", "a", "c"], confirmed: ["t", "a", "c"] });
    expect(seen).toEqual([["s", "a?", "b?"], ["t", "a", "c"]]);
  });

  it("a new state is read, and what came before is out of reach: stays until it is late", async () => {
    await expected("a");
    sync.mockImplementation(() => Promise.resolve({ data: ["t"], sequenceId: "20" }));
    const again = model.sync();
    await allSettled();
    source.feed.reader.outOfReach();
    expect(source.feed.after).toBe("20");
    source.feed.reader.live();
    await again;
    expect(model.data!.optimistic).toEqual(["t", "a?"]);
  });

  it("its confirmation comes late, after other messages: is dropped, and the state is read again", async () => {
    const [confirmation] = await expected("a");
    sync.mockImplementation(() => Promise.resolve({ data: ["s", "a", "x"], sequenceId: "15" }));
    source.send(message(15, "x"), message(12, "a"));
    await confirmation;
    await allSettled();
    source.feed.reader.live();
    expect(model.data!.optimistic).toEqual(["s", "a", "x"]);
  });

  it("a pause, an error: stays, and its time runs", async () => {
    const [first] = await expected("a");
    await model.pause();
    expect(model.data!.optimistic).toEqual(["s", "a?"]);
    await clock.pass(5_000);
    await expect(first).rejects.toMatchObject({ code: "timeout" });
    expect(model.data!.optimistic).toEqual(["s"]);
    const ready = model.resume();
    source.feed.reader.live();
    await ready;
    const [second] = await expected("b");
    source.send(message(11, "x", "poison"));
    expect(model.state).toBe("errored");
    await clock.pass(5_000);
    await expect(second).rejects.toMatchObject({ code: "timeout" });
  });

  it("dispose: is rolled back", async () => {
    const [confirmation] = await expected("a");
    await model.dispose();
    await expect(confirmation).rejects.toMatchObject({ code: "closed" });
    expect(clock.pending).toEqual([]);
    await expect(expected("b")).rejects.toThrow("a model that is disposed takes no optimistic events");
  });

  it("needs a name and a mutationId, and a mutationId that is not pending", async () => {
    for (const event of [{ mutationId: "", name: "n" }, { mutationId: "m", name: "" }]) await expect(model.optimistic(event)).rejects.toThrow("needs a mutationId and a name");
    await expected("a");
    await expect(expected("a")).rejects.toThrow("is pending already");
  });
});
