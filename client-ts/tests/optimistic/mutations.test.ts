import { beforeEach, describe, expect, it, vi } from "vitest";
import type { SyncClient } from "../../src/client.js";
import { Mutations, type Apply, type MutationHandle, type MutationsOptions, type OptimisticQuery } from "../../src/optimistic/index.js";
import { ScriptedEngine, allSettled } from "../support/engine.js";
import { cut, diff, live } from "../support/frames.js";
import { ScriptedWrites } from "../support/writes.js";

interface Row {
  readonly id: string;
  readonly body: string;
}

let engine: ScriptedEngine;
let client: SyncClient;
let writes: ScriptedWrites;
let mutations: Mutations;
let query: OptimisticQuery<Row>;
let seen: string[];

/** A question mark marks a pending one. */
const add: Apply<Row> = (rows, { mutationId }) => [...rows, { id: "", body: `${mutationId}?` }];
const bodies = (): string => query.rows.map(({ body }) => body).join(" ");

beforeEach(async () => {
  engine = new ScriptedEngine();
  client = engine.client();
  writes = new ScriptedWrites(engine);
  await begin();
});

async function begin(options: MutationsOptions = {}): Promise<void> {
  mutations = new Mutations(client, { clock: engine.clock, warn: () => {}, ...options });
  query = mutations.query<Row>(client.liveQuery<Row>("SELECT id, body FROM messages"), add);
  seen = [];
  query.subscribe(() => {
    if (seen.at(-1) !== bodies()) seen.push(bodies());
  });
  await writes.begin();
}

const mutate = (mutationId: string, write: () => Promise<unknown> = () => Promise.resolve()): MutationHandle => mutations.mutate({ mutationId, name: "add" }, write);

describe("a mutation", () => {
  it("is over the rows at once", () => {
    mutate("a");
    expect([bodies(), query.state.pending.map(({ mutationId }) => mutationId)]).toEqual(["a?", ["a"]]);
  });

  it("is dropped with the rows of its cut: the answer comes first", async () => {
    const { confirmation } = mutate("a");
    await allSettled();
    writes.commit("a");
    writes.serve();
    await writes.deliverAnswer();
    expect(bodies()).toBe("a?");
    await writes.deliverFrames();
    await confirmation;
    expect(seen).toEqual(["", "a?", "a"]);
    expect([mutations.pending, query.state.pending]).toEqual([[], []]);
  });

  it("is dropped with the rows of its cut: the rows come first, and wait for the hub's word", async () => {
    const { confirmation } = mutate("a");
    await allSettled();
    writes.commit("a");
    await writes.deliverFrames();
    expect(bodies()).toBe("a?");
    await writes.deliverAll();
    await confirmation;
    expect(seen).toEqual(["", "a?", "a"]);
  });

  it("is dropped when the stream has passed its cut, though its transaction changed no row here", async () => {
    const { confirmation } = mutate("a");
    await allSettled();
    writes.commit("a", null);
    await writes.deliverAll();
    await confirmation;
    expect(seen).toEqual(["", "a?", ""]);
  });

  it("is put over the rows again with every change of theirs", async () => {
    mutate("a");
    await allSettled();
    writes.commit("x", "other");
    await writes.deliverAll();
    expect(bodies()).toBe("other a?");
    writes.commit("y", "another");
    await writes.deliverAll();
    expect(bodies()).toBe("other another a?");
  });

  it("keeps its place among the others, and is dropped by itself", async () => {
    mutate("a");
    mutate("b");
    mutate("c");
    await allSettled();
    writes.commit("b");
    await writes.deliverAll();
    expect(bodies()).toBe("b a? c?");
  });

  it("is rolled back when the engine reports it as rejected, with the reason", async () => {
    const { confirmation } = mutate("a");
    await allSettled();
    writes.reject("a", "rooms are closed at night");
    await writes.deliverAll();
    await expect(confirmation).rejects.toMatchObject({ code: "rejected", message: "rooms are closed at night", mutationId: "a" });
    expect(seen).toEqual(["", "a?", ""]);
  });

  it("is rolled back when its write throws, with what it threw", async () => {
    const cause = new Error("403");
    const { confirmation } = mutate("a", () => Promise.reject(cause));
    await expect(confirmation).rejects.toMatchObject({ code: "failed", message: "403", cause });
    expect(bodies()).toBe("");
  });

  it("is rolled back when it is cancelled, and its write is aborted", async () => {
    let signal: AbortSignal | null = null;
    const { confirmation, cancel } = mutations.mutate({ mutationId: "a", name: "add" }, (_, given) => {
      signal = given;
      return new Promise(() => {});
    });
    cancel();
    await expect(confirmation).rejects.toMatchObject({ code: "cancelled", message: "optimistic change cancelled" });
    expect([bodies(), signal!.aborted]).toEqual(["", true]);
  });

  it("is rolled back when it is not confirmed in time, after the hub was asked once more", async () => {
    const { confirmation } = mutate("a");
    await allSettled();
    await engine.clock.pass(9_999);
    expect(bodies()).toBe("a?");
    await engine.clock.pass(1);
    expect(bodies()).toBe("a?");
    await writes.deliverAll();
    await expect(confirmation).rejects.toMatchObject({ code: "timeout", message: "timed out waiting for confirmation of the change" });
    expect(bodies()).toBe("");
  });

  it("is not rolled back when it turns out at the last moment that it was confirmed", async () => {
    const { confirmation } = mutate("a");
    await allSettled();
    await engine.clock.pass(10_000);
    writes.commit("a");
    await writes.deliverAll();
    await confirmation;
    expect(bodies()).toBe("a");
  });

  it("is asked for again when the hub could not be asked in time though the connection stayed, and its rows are not held back for ever", async () => {
    const answers = engine.await!;
    engine.await = () => Promise.reject(new Error("the call was lost"));
    const { confirmation } = mutate("a");
    await allSettled();
    writes.commit("x", "other");
    await writes.deliverFrames();
    await engine.clock.pass(10_000);
    expect(bodies()).toBe("a?");
    engine.await = answers;
    await engine.clock.pass(10_000);
    await writes.deliverAll();
    await expect(confirmation).rejects.toMatchObject({ code: "timeout" });
    expect(bodies()).toBe("other");
  });

  it("comes after those before it when the clock is set back", async () => {
    mutate("a");
    engine.clock.set(engine.clock.now() - 3_600_000);
    mutate("b");
    mutate("c");
    expect([bodies(), mutations.pending.map(({ mutationId }) => mutationId)]).toEqual(["a? b? c?", ["a", "b", "c"]]);
  });

  it("stays pending over an outage, and is asked for again", async () => {
    const { confirmation } = mutate("a");
    await allSettled();
    await engine.clock.pass(9_000);
    await writes.lose();
    expect([query.state.status, bodies()]).toEqual(["reconnecting", "a?"]);
    await engine.clock.pass(800);
    await engine.hub.send(cut(writes.cut), live("s1", writes.cut));
    await engine.clock.pass(9_999);
    expect(bodies()).toBe("a?");
    writes.commit("a");
    await writes.deliverAll();
    await confirmation;
    expect(seen).toEqual(["", "a?", "a"]);
  });

  it("does not show its row twice when the row comes with the replay after an outage", async () => {
    const { confirmation } = mutate("a");
    await allSettled();
    await writes.lose();
    const at = writes.commit("a");
    await engine.clock.pass(1_000);
    await engine.hub.send(cut(at), diff("s1", at, { added: [["1", "a"]] }), live("s1", at));
    expect(bodies()).toBe("a?");
    await writes.deliverAll();
    await confirmation;
    expect(seen).toEqual(["", "a?", "a"]);
  });

  it("does not hold rows back for ever when the connection is lost while the hub is asked", async () => {
    mutate("a");
    await allSettled();
    writes.commit("x", "other");
    await writes.deliverFrames();
    expect(bodies()).toBe("a?");
    await writes.lose();
    await engine.clock.pass(1_000);
    await engine.hub.send(cut(writes.cut), live("s1", writes.cut));
    await writes.deliverAll();
    expect(bodies()).toBe("other a?");
  });

  it("whose apply throws is rolled back, and the others stay", async () => {
    const fragile = mutations.query<Row>(client.liveQuery<Row>("SELECT id, body FROM messages"), (rows, mutation) => {
      if (mutation.mutationId === "bad") throw new Error("no such row");
      return add(rows, mutation);
    });
    fragile.subscribe(() => {});
    const { confirmation } = mutate("bad");
    mutate("good");
    expect(fragile.rows.map(({ body }) => body)).toEqual(["good?"]);
    await expect(confirmation).rejects.toMatchObject({ code: "failed", message: "the change add cannot be applied: no such row" });
    expect(bodies()).toBe("good?");
  });

  it("is shown in every result that applies it, and dropped from all of them at once", async () => {
    const count = mutations.query<{ readonly count: number }>(client.liveQuery("SELECT 2"), (rows) => rows.map(({ count: before }) => ({ count: before + 1 })));
    count.subscribe(() => {});
    await allSettled();
    await engine.hub.send({ type: "snapshot", sub: "s2", rows: [["0", "zero"]] }, live("s2", writes.cut));
    const torn: unknown[] = [];
    query.subscribe(() => {
      if (query.state.pending.length !== count.state.pending.length) torn.push([query.state, count.state]);
    });
    const { confirmation } = mutate("a");
    await allSettled();
    expect([query.state.pending.length, count.state.pending.length]).toEqual([1, 1]);
    writes.commit("a");
    await writes.deliverAll();
    await confirmation;
    expect([query.state.pending.length, count.state.pending.length, torn]).toEqual([0, 0, []]);
  });

  it("is asked for with one long question at a time, in short turns", async () => {
    mutate("a");
    mutate("b");
    await allSettled();
    const asked = (): unknown[] => engine.hub.calls.filter(([method]) => method === "Await").map(([, id, milliseconds]) => [id, milliseconds]);
    expect(asked()).toEqual([["a", 500]]);
    writes.serve();
    writes.giveUp();
    await writes.deliverAnswer();
    await engine.clock.pass(500);
    expect(asked()).toEqual([["a", 500], ["b", 500]]);
  });

  it("needs a write, a name, an id of its own, and room", () => {
    expect(() => mutations.mutate({ name: "add" })).toThrow("needs a write");
    expect(() => mutations.mutate({ name: "" }, () => Promise.resolve())).toThrow("not empty");
    mutate("a");
    expect(() => mutate("a")).toThrow("is pending already");
    for (let count = 1; count < 100; count++) mutate(`m${count}`);
    expect(() => mutate("one more")).toThrow("100 changes are pending already");
  });

  it("gets an id when it is given none", () => {
    const { mutationId } = mutations.mutate({ name: "add" }, () => Promise.resolve());
    expect(mutationId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it("is rolled back when its mutations are closed, and the connection is closed when nothing else needs it", async () => {
    const { confirmation } = mutate("a");
    mutations.close();
    await expect(confirmation).rejects.toMatchObject({ code: "closed" });
    expect(bodies()).toBe("");
    expect(() => mutate("b")).toThrow("closed");
  });

  it("keeps a connection open where there is no live result", async () => {
    const alone = new ScriptedEngine();
    const others = new ScriptedWrites(alone);
    const lonely = new Mutations(alone.client(), { clock: alone.clock });
    const { confirmation } = lonely.mutate({ mutationId: "a", name: "add" }, () => Promise.resolve());
    await allSettled();
    await alone.hub.send(cut("0/10"));
    others.commit("a", null);
    others.serve();
    await others.deliverAnswer();
    await confirmation;
    await alone.clock.pass(1_000);
    expect(alone.hub.isClosed).toBe(true);
  });
});

describe("keys", () => {
  it("of a row that a mutation made stay the same when it is made again, and those of changed rows are the rows'", async () => {
    writes.commit("x", "first");
    await writes.deliverAll();
    const first = query.keyOf(query.rows[0]!);
    const edited = mutations.query<Row>(client.liveQuery<Row>("SELECT id, body FROM messages"), (rows, { mutationId, name }) =>
      name === "edit" ? rows.map((row) => (row.id === "1" ? { ...row, body: "edited" } : row)) : [...rows, { id: "", body: mutationId }],
    );
    edited.subscribe(() => {});
    mutations.mutate({ mutationId: "e", name: "edit" }, () => Promise.resolve());
    mutations.mutate({ mutationId: "f", name: "edit" }, () => Promise.resolve());
    mutate("a");
    const keys = edited.rows.map((row) => edited.keyOf(row));
    expect(keys).toEqual([first, "a:0"]);
    await allSettled();
    writes.commit("y", "second");
    await writes.deliverAll();
    expect(edited.rows.map((row) => edited.keyOf(row))).toEqual([first, '["2"]', "a:0"]);
    expect(() => edited.keyOf({ id: "1", body: "copy" })).toThrow("was it copied?");
  });
});

describe("the state", () => {
  it("is the same object until something changes", async () => {
    mutate("a");
    const before = query.state;
    expect(query.state).toBe(before);
    writes.commit("x", "other");
    await writes.deliverAll();
    expect(query.state).not.toBe(before);
  });

  it("is there before the first listener", () => {
    const other = mutations.query<Row>(client.liveQuery<Row>("SELECT id, body FROM messages"), add);
    mutate("a");
    expect(other.rows.map(({ body }) => body)).toEqual(["a?"]);
    expect(other.state).toBe(other.state);
  });

  it("shows the status of the connection while rows wait", async () => {
    mutate("a");
    await allSettled();
    writes.commit("a");
    await writes.deliverFrames();
    await engine.hub.send({ type: "stale", sub: "s1", code: "query_timeout", message: "slow" });
    expect([bodies(), query.state.stale?.code]).toEqual(["a?", "query_timeout"]);
  });

  it("of a write without a signal of its end is not shown twice either", async () => {
    const write = vi.fn(() => new Promise(() => {}));
    mutate("a", write);
    await allSettled();
    writes.commit("a");
    await writes.deliverFrames();
    await writes.deliverAll();
    expect([write.mock.calls.length, seen]).toEqual([1, ["", "a?", "a"]]);
  });
});
