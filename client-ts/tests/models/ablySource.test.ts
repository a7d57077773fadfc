import { beforeEach, describe, expect, it, vi } from "vitest";
import { compareIds } from "../../src/models/messageIds.js";
import { ablySource, ModelsClient, type AblyMessage, type Model, type Sync } from "../../src/models/index.js";
import { FakeAbly, type FakeChannel } from "../support/ably.js";
import { merge, type Merged } from "../support/channel.js";
import { ManualClock, allSettled } from "../support/engine.js";

let ably: FakeAbly;
let clock: ManualClock;
let model: Model<Merged, []>;
let channel: FakeChannel;
const sync = vi.fn<Sync<Merged, []>>();

beforeEach(() => {
  ably = new FakeAbly();
  clock = new ManualClock();
  sync.mockReset();
  sync.mockImplementation(() => Promise.resolve({ data: ["s"], sequenceId: 0 }));
  model = new ModelsClient({ source: ablySource(ably, clock), clock, warn: () => {}, syncOptions: { historyPageSize: 2 } }).models.get({ channelName: "posts", sync, merge });
  channel = ably.channels.get("posts");
});

const published = (id: number, isRejected = false): AblyMessage => ({
  id: String(id),
  name: "added",
  data: { text: `m${id}` },
  extras: { headers: { "x-ably-models-event-uuid": `m${id}`, ...(isRejected && { "x-ably-models-reject": "true" }) } },
});
const publish = (...ids: number[]): void => ids.forEach((id) => ably.publish("posts", published(id)));

describe("the source", () => {
  it("passes on each message once and in order, also where history and new messages overlap", async () => {
    await channel.attach();
    publish(1, 2);
    const sent: string[] = [];
    const unexpected = (): never => {
      throw new Error("not expected");
    };
    ablySource(ably, clock).open(
      "posts",
      "1",
      { message: ({ id }) => sent.push(id), live: () => sent.push("live"), outOfReach: unexpected, discontinuity: unexpected, failed: unexpected },
      { historyPageSize: 10, compareIds },
    );
    // It listens from here on, and asks for history later.
    publish(3);
    await allSettled();
    publish(4);
    await allSettled();
    publish(5);
    expect(sent).toEqual(["2", "3", "4", "live", "5"]);
  });
});

describe("a model over Ably's client", () => {
  it("replays history from where its state was read, and stays live", async () => {
    publish(1, 2, 3, 4, 5);
    sync.mockResolvedValue({ data: ["1", "2"], sequenceId: "2" });
    await model.sync();
    expect(ably.historyLimits).toEqual([2]);
    expect(model.data!.confirmed).toEqual(["1", "2", "m3", "m4", "m5"]);
    publish(6);
    expect(model.data!.confirmed.at(-1)).toBe("m6");
  });

  it("loses and repeats no message that is published while it attaches and reads history", async () => {
    publish(1, 2, 3);
    const ready = model.sync();
    await allSettled();
    publish(4);
    await allSettled();
    publish(5);
    await allSettled();
    publish(6);
    await ready;
    publish(7);
    expect(model.data!.confirmed).toEqual(["s", "m1", "m2", "m3", "m4", "m5", "m6", "m7"]);
  });

  it("shares a channel that the application has attached, and leaves it attached", async () => {
    await channel.attach();
    publish(1, 2);
    const ready = model.sync();
    await allSettled();
    publish(3);
    await ready;
    expect(model.data!.confirmed).toEqual(["s", "m1", "m2", "m3"]);
    await model.dispose();
    await allSettled();
    expect(channel.state).toBe("attached");
    expect([channel.subscribers.size, channel.stateListeners.size]).toEqual([0, 0]);
  });

  it("reads its state again when history no longer holds the messages after it", async () => {
    publish(1, 2, 3, 4);
    ably.expire("posts", 2);
    sync.mockResolvedValueOnce({ data: ["old"], sequenceId: "1" }).mockResolvedValue({ data: ["new"], sequenceId: "4" });
    const ready = model.sync();
    for (let round = 0; round < 8; round++) await allSettled();
    await clock.pass(1_000);
    await ready;
    expect(model.data!.confirmed).toEqual(["new"]);
  });

  it("takes an empty history for being up to date", async () => {
    sync.mockResolvedValue({ data: ["s"], sequenceId: "9" });
    await model.sync();
    expect(model.data!.confirmed).toEqual(["s"]);
  });

  it("catches up after a discontinuity", async () => {
    await model.sync();
    publish(1);
    ably.setConnection("disconnected");
    publish(2);
    await clock.pass(30_000);
    ably.setConnection("connected");
    channel.attachedAgain(false);
    await vi.waitFor(() => expect(model.data!.confirmed).toEqual(["s", "m1", "m2"]));
    publish(3);
    expect(model.data!.confirmed.at(-1)).toBe("m3");
    expect(sync).toHaveBeenCalledTimes(1);
  });

  it("does nothing when it was attached again with what it missed", async () => {
    await model.sync();
    channel.attachedAgain(true);
    expect([model.state, ably.historyLimits.length]).toEqual(["ready", 1]);
  });

  it("reads its state again when the outage was longer than messages are kept", async () => {
    await model.sync();
    publish(1);
    ably.setConnection("disconnected");
    publish(2);
    await clock.pass(100_000);
    channel.set("suspended");
    ably.setConnection("suspended");
    await clock.pass(60_000);
    ably.expire("posts", 2);
    sync.mockResolvedValue({ data: ["new"], sequenceId: "2" });
    ably.setConnection("connected");
    channel.attachedAgain(false);
    await vi.waitFor(() => expect(model.data!.confirmed).toEqual(["new"]));
  });

  it("tries again while the channel or its history cannot be had", async () => {
    await model.sync();
    publish(1);
    ably.failingHistories = 1;
    channel.attachedAgain(false);
    for (let round = 0; round < 8; round++) await allSettled();
    expect([model.state, clock.pending]).toEqual(["syncing", [15_000]]);
    publish(2);
    await clock.pass(15_000);
    await vi.waitFor(() => expect(model.data!.confirmed).toEqual(["s", "m1", "m2"]));
  });

  it("is errored, with Ably's reason, when it may not attach at all", async () => {
    channel.refusal = "no capability";
    const ready = model.sync();
    ready.catch(() => {});
    for (let tries = 0; tries < 12; tries++) {
      for (let round = 0; round < 4; round++) await allSettled();
      await clock.pass(60_000);
    }
    await expect(ready).rejects.toThrow("no capability");
  });

  it("lets the channel go when it is paused, and comes back", async () => {
    await model.sync();
    publish(1);
    await model.pause();
    await allSettled();
    expect(channel.state).toBe("detached");
    publish(2);
    await model.resume();
    expect(model.data!.confirmed).toEqual(["s", "m1", "m2"]);
  });

  it("reads rejections from the headers", async () => {
    await model.sync();
    const [confirmation] = await model.optimistic({ mutationId: "m1", name: "n" });
    ably.publish("posts", published(1, true));
    await expect(confirmation).rejects.toMatchObject({ code: "rejected" });
    expect(model.data!.optimistic).toEqual(["s"]);
  });
});
