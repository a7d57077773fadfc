import { beforeEach, describe, expect, it, vi } from "vitest";
import type { SyncClient } from "../../src/client.js";
import { hubSource, ModelsClient, type Model, type Sync } from "../../src/models/index.js";
import type { ChannelItem } from "../../src/protocol.js";
import { SyncError } from "../../src/syncError.js";
import { merge, type Merged } from "../support/channel.js";
import { ScriptedEngine, allSettled, type ScriptedStream } from "../support/engine.js";
import { cut } from "../support/frames.js";

let engine: ScriptedEngine;
let client: SyncClient;
let model: Model<Merged, []>;
const sync = vi.fn<Sync<Merged, []>>();
const merged = vi.fn(merge);

beforeEach(() => {
  engine = new ScriptedEngine();
  client = engine.client();
  sync.mockReset();
  merged.mockClear();
  sync.mockImplementation(() => Promise.resolve({ data: ["s"], sequenceId: "6" }));
  model = new ModelsClient({ source: hubSource(client), clock: engine.clock, warn: () => {} }).models.get({ channelName: "posts", sync, merge: merged });
});

const stream = (): ScriptedStream => engine.hub.streams.at(-1)!;
const send = (...items: ChannelItem[]): void => items.forEach((item) => stream().reader.item(item));
const published = (id: number, data = "null"): ChannelItem => ({
  type: "message",
  channel: "posts",
  message: { id: String(id), name: "added", data, encoding: "json", timestamp: 1_700_000_000_000, extras: { headers: { "x-ably-models-event-uuid": `m${id}` } } },
});

async function becomeReady(): Promise<void> {
  const ready = model.sync();
  await allSettled();
  await engine.hub.send(cut("0/10"));
  send({ type: "live", id: "6" });
  await ready;
}

describe("a model over the engine's hub", () => {
  it("asks for the channel after its id once the connection is open, and decodes its messages", async () => {
    const ready = model.sync();
    await allSettled();
    expect(engine.hub.streams).toEqual([]);
    await engine.hub.send(cut("0/10"));
    expect(stream().values).toEqual(["posts", "6"]);
    send(published(7, '{"text":"hi"}'), { type: "live", id: "7" });
    await ready;
    expect(merged).toHaveBeenLastCalledWith(["s"], { mutationId: "m7", name: "added", data: { text: "hi" }, confirmed: true, sequenceId: "7", rejected: false });
    expect(model.data!.confirmed).toEqual(["s", "m7"]);
  });

  it("asks for everything after 0", async () => {
    sync.mockResolvedValue({ data: [], sequenceId: 0 });
    await becomeReady();
    expect(stream().values).toEqual(["posts", null]);
  });

  it("resumes after the last message when the connection was lost, and stays ready", async () => {
    await becomeReady();
    send(published(8));
    const first = engine.hub;
    await first.end();
    expect([model.state, first.streams[0]!.isDisposed]).toEqual(["ready", true]);
    await engine.clock.pass(1_000);
    await engine.hub.send(cut("0/20"));
    expect(stream().values).toEqual(["posts", "8"]);
    send(published(9), { type: "live", id: "9" }, published(10));
    expect(model.data!.confirmed).toEqual(["s", "m8", "m9", "m10"]);
    expect(sync).toHaveBeenCalledTimes(1);
  });

  it("resumes after the newest id that it received, also without a message", async () => {
    await becomeReady();
    send({ type: "live", id: "40" });
    await engine.hub.end();
    await engine.clock.pass(1_000);
    await engine.hub.send(cut("0/20"));
    expect(stream().values).toEqual(["posts", "40"]);
  });

  it("reads its state again when later messages are no longer held", async () => {
    await becomeReady();
    sync.mockResolvedValue({ data: ["new"], sequenceId: "50" });
    send({ type: "reset", code: "must_refetch" });
    await allSettled();
    expect(stream().values).toEqual(["posts", "50"]);
    send({ type: "live", id: "50" });
    expect(model.data!.confirmed).toEqual(["new"]);
  });

  it("resumes from an id of the whole outbox that is none of this channel: the hub sends all held messages", async () => {
    const sync100 = { data: ["s"], sequenceId: "100" };
    sync.mockResolvedValue(sync100);
    const ready = model.sync();
    await allSettled();
    await engine.hub.send(cut("0/10"));
    send({ type: "reset", code: "must_refetch" }, published(6), published(7), published(101), { type: "live", id: "101" });
    await ready;
    expect([model.data!.confirmed, sync.mock.calls.length]).toEqual([["s", "m101"], 1]);
  });

  it("takes a channel that holds nothing for being up to date, and asks from its emptiness on", async () => {
    const ready = model.sync();
    await allSettled();
    await engine.hub.send(cut("0/10"));
    send({ type: "reset", code: "must_refetch" }, { type: "live", id: null });
    await ready;
    await engine.hub.end();
    await engine.clock.pass(1_000);
    await engine.hub.send(cut("0/20"));
    expect(stream().values).toEqual(["posts", "0"]);
    send(published(7), { type: "live", id: "7" });
    expect(model.data!.confirmed).toEqual(["s", "m7"]);
  });

  it("reads its state again, after a wait, when all that is held came after its id", async () => {
    const ready = model.sync();
    await allSettled();
    await engine.hub.send(cut("0/10"));
    send({ type: "reset", code: "must_refetch" }, published(8), { type: "live", id: "8" });
    expect([model.state, model.data]).toEqual(["syncing", null]);
    sync.mockResolvedValue({ data: ["new"], sequenceId: "8" });
    await engine.clock.pass(1_000);
    // No listener kept the connection open meanwhile.
    expect(engine.hubs).toHaveLength(2);
    await engine.hub.send(cut("0/20"));
    send({ type: "live", id: "8" });
    await ready;
    expect(model.data!.confirmed).toEqual(["new"]);
  });

  it("receives the reason why its stream has ended, and asks again", async () => {
    const reasons: unknown[] = [];
    await becomeReady();
    model.on("syncing", ({ reason }) => reasons.push(reason));
    send({ type: "error", code: "permission_denied", message: "not yours" });
    expect(reasons).toMatchObject([{ code: "permission_denied", message: "not yours" }]);
    expect(stream().values).toEqual(["posts", "6"]);
  });

  it("waits and asks again when the channel is refused", async () => {
    await becomeReady();
    const refusal = new SyncError({ code: "source_unavailable", message: "not now" });
    stream().reader.ended(refusal);
    await allSettled();
    expect(engine.hub.streams).toHaveLength(2);
    stream().reader.ended(refusal);
    await allSettled();
    expect([model.state, engine.clock.pending]).toEqual(["syncing", [1_000, 1_000, 15_000]]);
    await engine.clock.pass(15_000);
    // No listener kept the connection open meanwhile.
    expect(engine.hubs).toHaveLength(2);
    await engine.hub.send(cut("0/20"));
    send({ type: "live", id: "6" });
    expect(model.state).toBe("ready");
  });

  it("reads its channel where live queries are off, and continues when there is a stream", async () => {
    const ready = model.sync();
    await allSettled();
    await engine.hub.refuseStream();
    send({ type: "live", id: "6" });
    await ready;
    send(published(7));
    expect([model.state, model.data!.confirmed]).toEqual(["ready", ["s", "m7"]]);
    await engine.clock.pass(1_000);
    expect([engine.hubs.length, engine.hub.opened]).toEqual([1, 2]);
    await engine.hub.refuseStream();
    expect(engine.hub.streams).toHaveLength(1);
    await engine.clock.pass(2_000);
    expect(engine.hub.opened).toBe(3);
    await engine.hub.send(cut("0/10"));
    expect(engine.hub.streams.map(({ isDisposed }) => isDisposed)).toEqual([true, false]);
    expect(stream().values).toEqual(["posts", "7"]);
    send({ type: "live", id: "7" }, published(8));
    expect([model.state, model.data!.confirmed]).toEqual(["ready", ["s", "m7", "m8"]]);
  });

  it.each([
    ["refused", "Failed to complete negotiation with the server: Error: Unauthorized: Status code '401'", "unauthenticated"],
    ["lost", "Failed to complete negotiation with the server: Error: Service Unavailable: Status code '503'", "network_error"],
  ])("reports why there is no first connection when it is %s", async (_, text, code) => {
    const impatient = new ModelsClient({ source: hubSource(client), clock: engine.clock, warn: () => {}, syncOptions: { retryStrategy: () => -1 } });
    const refused = impatient.models.get({ channelName: "posts", sync, merge: merged });
    const ready = expect(refused.sync()).rejects.toMatchObject({ code });
    await allSettled();
    await engine.hub.end(new Error(text));
    await ready;
    expect(refused.state).toBe("errored");
  });

  it("lets the connection go with the model", async () => {
    await becomeReady();
    await model.dispose();
    await engine.clock.pass(1_000);
    expect([stream().isDisposed, engine.hub.isClosed]).toEqual([true, true]);
  });
});
