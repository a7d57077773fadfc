import { beforeEach, describe, expect, it } from "vitest";
import { SyncClient, type ChannelReader } from "../src/client.js";
import type { ChannelItem, ErrorBody, Frame, SubscribeAnswer } from "../src/protocol.js";
import type { Query } from "../src/query.js";
import { encodeQuery } from "../src/query.js";
import type { SyncError } from "../src/syncError.js";
import { problem, ScriptedEngine, allSettled } from "./support/engine.js";
import { bodySample, cut, sample, sampleNames } from "./support/frames.js";

/** Tests of the samples of docs/protocol. At the end every file must have been read. */
const read = { frames: new Set<string>(), bodies: new Set<string>() };

function frame<T = Frame>(name: string): T {
  read.frames.add(name);
  return sample<T>(name);
}

function body<T>(name: string): T {
  read.bodies.add(name);
  return bodySample<T>(name);
}

let engine: ScriptedEngine;
let client: SyncClient;

beforeEach(() => {
  engine = new ScriptedEngine();
  client = engine.client();
});

/** A live result of the sample answer, on an open stream. */
async function attached(ordered = false): Promise<ReturnType<SyncClient["liveQuery"]>> {
  engine.answers.push({ ...body<SubscribeAnswer>("subscribe-answer"), ordered });
  const query = client.liveQuery("SELECT id, body FROM messages WHERE room_id = $1", [42]);
  query.subscribe(() => {});
  await allSettled();
  await engine.hub.send(cut("0/10"), frame("snapshot"), frame("snapshot-last"), frame("live"));
  return query;
}

describe("the samples of frames", () => {
  it("lead from a snapshot to the rows of its cut", async () => {
    const query = await attached();
    expect(query.rows).toEqual([{ id: "1", body: "hi" }, { id: "2", body: "yo" }, { id: "4", body: null }]);
    expect(query.state).toMatchObject({ status: "live", cut: "0/16B3748", plan: { mode: "incremental", reason: null } });
  });

  it("apply a diff at its cut, and a diff in parts as one", async () => {
    const query = await attached();
    const seen: unknown[] = [];
    query.onFrame((observation) => seen.push(observation));
    await engine.hub.send(frame("diff"), frame("cut"));
    expect(query.rows).toEqual([{ id: "1", body: "hi!" }, { id: "4", body: null }, { id: "3", body: "hey" }]);
    expect(seen).toContainEqual({
      type: "diff",
      cut: "0/16B3790",
      commitTime: "2026-11-20T08:28:00.123456Z",
      xid: "742",
      added: ['["3"]'],
      updated: ['["1"]'],
      removed: ['["2"]'],
    });

    await engine.hub.send(frame("diff-part"));
    expect(query.cut).toBe("0/16B3790");
    await engine.hub.send(frame("diff-last-part"), cut("0/16B37D8"));
    expect(query.rows).toEqual([{ id: "1", body: "bye" }, { id: "4", body: null }, { id: "3", body: "hey" }, { id: "5", body: "one" }, { id: "6", body: "two" }]);
  });

  it("put ordered rows at their positions", async () => {
    const query = await attached(true);
    await engine.hub.send(frame("diff-ordered"), frame("cut"));
    expect(query.rows).toEqual([{ id: "3", body: "hey" }, { id: "1", body: "hi!" }, { id: "4", body: null }]);
  });

  it("mark a result as stale, change its plan, reset it and end it", async () => {
    const query = await attached();
    await engine.hub.send(frame("stale"));
    expect(query.stale).toMatchObject({ code: "query_failed", message: "division by zero", sqlstate: "22012" });
    await engine.hub.send(frame("live-plan"));
    expect(query.state).toMatchObject({ stale: null, plan: frame<{ plan: unknown }>("live-plan").plan });
    await engine.hub.send(frame("reset"));
    expect(query.state).toMatchObject({ status: "snapshot", error: null });
    await engine.hub.send(frame("error"));
    expect(query.state).toMatchObject({ status: "error", error: { code: "permission_denied", hint: "Grant SELECT on it to the role of the token." } });
  });

  it("are handed to who reads a channel", async () => {
    const items: ChannelItem[] = [];
    const names = ["channel-message", "channel-live", "channel-live-empty", "channel-reset", "channel-error"];
    const reader: ChannelReader = { item: (item) => items.push(item), ended: () => {} };
    await attached();
    client.channel("room:42", null, reader);
    const samples = names.map((name) => frame<ChannelItem>(name));
    for (const item of samples) engine.hub.streams.at(-1)!.reader.item(item);
    expect(items).toEqual(samples);
    const [message] = items;
    expect(message?.type === "message" && message.message.encoding === "json" && JSON.parse(message.message.data as string)).toEqual({ body: "hi" });
  });
});

describe("the samples of requests and answers", () => {
  it.each(["subscribe-request", "subscribe-named-request"])("%s is what the client sends", (name) => {
    expect(JSON.parse(encodeQuery(body<Query>(name)))).toEqual(bodySample(name));
  });

  it("a result without a key has a hidden one", async () => {
    engine.answers.push(body<SubscribeAnswer>("subscribe-answer-requery"));
    const query = client.liveQuery("SELECT room_id, count(*) FROM messages GROUP BY room_id");
    query.subscribe(() => {});
    await allSettled();
    await engine.hub.send(cut("0/10"), { type: "snapshot", sub: "s2", rows: [["k", 1, "2"]] }, { type: "live", sub: "s2", cut: "0/10" });
    expect(query.rows).toEqual([{ room_id: 1, count: "2" }]);
    expect(query.columns.map(({ name }) => name)).toEqual(["room_id", "count"]);
    expect(query.keyOf(query.rows[0]!)).toBe('["k"]');
  });

  it("a problem document is an error with its members", async () => {
    const { title, ...members } = body<ErrorBody & { title: string }>("problem");
    engine.answers.push(problem(400, { title, ...members }));
    const query = client.liveQuery("SELECT * FORM messages");
    query.subscribe(() => {});
    await allSettled();
    const { error } = query.state as { error: SyncError };
    expect(error).toMatchObject({ code: members.code, message: title, sqlstate: members.sqlstate, position: members.position });
    expect(error.class).toBe("fixRequest");
  });

  it.each([
    ["explain-answer", (other: SyncClient) => other.explain("SELECT 1")],
    ["schema-answer", (other: SyncClient) => other.schema()],
  ] as const)("%s is handed on", async (name, ask) => {
    const answer = body<unknown>(name);
    const other = new SyncClient({ url: "http://engine", fetch: async () => Response.json(answer) });
    expect(await ask(other)).toEqual(answer);
  });
});

it("every sample has been read, but those that other tests read", () => {
  expect([...read.frames].sort()).toEqual(sampleNames("frames"));
  // Whole results are for clients without this library; health is read by the playground's tests.
  expect([...read.bodies, "health-ready", "socket-answer"].sort()).toEqual(sampleNames("bodies"));
});
