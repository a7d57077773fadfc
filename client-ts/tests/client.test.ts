import { beforeEach, describe, expect, it } from "vitest";
import type { SyncClient } from "../src/client.js";
import type { LiveQuery, Observation } from "../src/liveQuery.js";
import { jwt, problem, ScriptedEngine, allSettled } from "./support/engine.js";
import { answer, bodySample, column, cut, diff, live, sample, snapshot } from "./support/frames.js";

const sql = "SELECT id, body FROM messages WHERE room_id = $1";

let engine: ScriptedEngine;
let client: SyncClient;

beforeEach(() => {
  engine = new ScriptedEngine();
  client = engine.client();
});

/** Subscribes, and records the statuses that a listener sees. */
function use(query: LiveQuery): { readonly statuses: string[]; readonly calls: () => number; readonly leave: () => void } {
  const statuses: string[] = [];
  let count = 0;
  const leave = query.subscribe(() => {
    count++;
    if (statuses.at(-1) !== query.status) statuses.push(query.status);
  });
  return { statuses, calls: () => count, leave };
}

async function becomeLive(query: LiveQuery, at = "0/10"): Promise<() => void> {
  const leave = query.subscribe(() => {});
  await allSettled();
  await engine.hub.send(cut(at), snapshot("s1", [["1", "hi"], ["2", "yo"]]), live("s1", at));
  expect(query.status).toBe("live");
  return leave;
}

describe("a live query", () => {
  it("sends nothing until it has a subscriber", async () => {
    const query = client.liveQuery(sql, [42]);
    await allSettled();
    expect(engine.requests).toEqual([]);
    expect(engine.hubs).toEqual([]);
    expect(query.state).toMatchObject({ status: "idle", rows: [], cut: null, error: null, plan: null });
  });

  it("goes from connecting over snapshot to live", async () => {
    const query = client.liveQuery(sql, [42]);
    const { statuses } = use(query);
    expect(query.status).toBe("connecting");
    await allSettled();
    expect(engine.requests).toEqual([{ line: "POST /subscribe", body: bodySample("subscribe-request"), authorization: null }]);
    await engine.hub.send(cut("0/10"));
    expect(engine.hub.calls).toEqual([["Attach", "s1", null]]);
    await engine.hub.send(sample("snapshot"));
    expect(query.status).toBe("snapshot");
    expect(query.rows).toEqual([]);
    await engine.hub.send(snapshot("s1", [["3", null]]), sample("live"));
    expect(statuses).toEqual(["connecting", "snapshot", "live"]);
    expect(query.rows).toEqual([{ id: "1", body: "hi" }, { id: "2", body: "yo" }, { id: "3", body: null }]);
    expect(query.state).toMatchObject({ cut: "0/16B3748", plan: { mode: "incremental", reason: null }, error: null, stale: null });
    expect(query.columns.map(({ name }) => name)).toEqual(["id", "body"]);
  });

  it("connects to the hub of its url", async () => {
    use(client.liveQuery(sql));
    expect(engine.hub.url).toBe("http://engine");
  });

  it("shows a diff when the cut has come, in one call", async () => {
    const query = client.liveQuery(sql, [42]);
    const { calls } = use(query);
    await allSettled();
    await engine.hub.send(cut("0/10"), snapshot("s1", [["1", "hi"], ["2", "yo"]]), live("s1", "0/10"));
    const before = calls();
    await engine.hub.send(sample("diff"));
    expect(calls()).toBe(before);
    await engine.hub.send(sample("cut"));
    expect(calls()).toBe(before + 1);
    expect(query.rows).toEqual([{ id: "1", body: "hi!" }, { id: "3", body: "hey" }]);
    expect(query.cut).toBe("0/16B3790");
  });

  it("has the same state object until something changes", async () => {
    const query = client.liveQuery(sql, [42]);
    await becomeLive(query);
    const { state } = query;
    expect(query.state).toBe(state);
    await engine.hub.send(cut("0/10"));
    expect(query.state).toBe(state);
    await engine.hub.send(cut("0/20"));
    expect(query.cut).toBe("0/20");
    expect(query.rows).toBe(state.rows);
  });

  it("takes the plan of a later live", async () => {
    const query = client.liveQuery(sql, [42]);
    await becomeLive(query);
    await engine.hub.send({ type: "live", sub: "s1", cut: "0/20", plan: { mode: "requery", reason: "window function" } });
    expect(query.plan).toEqual({ mode: "requery", reason: "window function" });
  });

  it("encodes parameters that JSON cannot carry", async () => {
    use(client.liveQuery(sql, [12345678901234567890n, new Date(0), Number.NaN, null, [1n, "a"], { member: 1 }]));
    await allSettled();
    expect(engine.requests[0]!.body).toEqual({ query: sql, params: ["12345678901234567890", "1970-01-01T00:00:00.000Z", "NaN", null, ["1", "a"], { member: 1 }] });
  });

  it("may be one that the engine has a name for", async () => {
    use(client.liveQuery({ name: "room_messages", params: { room: 42 } }));
    await allSettled();
    expect(engine.requests[0]!.body).toEqual({ name: "room_messages", params: { room: 42 } });
  });

  it("decodes as the client is configured", async () => {
    client = engine.client({ int8: "bigint" });
    const query = client.liveQuery(sql, [42]);
    await becomeLive(query);
    expect(query.rows[0]).toEqual({ id: 1n, body: "hi" });
  });

  it("calls the other listeners when one throws", async () => {
    const query = client.liveQuery(sql, [42]);
    const thrown: unknown[] = [];
    const catchThrown = (error: unknown): void => void thrown.push(error);
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException").on("uncaughtException", catchThrown);
    try {
      query.subscribe(() => {
        throw new Error("mine");
      });
      const { statuses } = use(query);
      await allSettled();
      await engine.hub.send(cut("0/10"), snapshot("s1", []), live("s1", "0/10"));
      expect(statuses).toContain("live");
      expect(thrown).toContainEqual(new Error("mine"));
    } finally {
      process.removeListener("uncaughtException", catchThrown);
      for (const other of others) process.on("uncaughtException", other);
    }
  });
});

describe("sharing", () => {
  it("makes one subscription for the same query and parameters, however they are written", async () => {
    use(client.liveQuery(sql, [42n]));
    use(client.liveQuery(sql, ["42"]));
    use(client.liveQuery({ name: "n", params: { a: 1, b: 2 } }));
    use(client.liveQuery({ name: "n", params: { b: 2, a: 1 } }));
    await allSettled();
    expect(engine.lines).toEqual(["POST /subscribe", "POST /subscribe"]);
    expect(engine.hubs).toHaveLength(1);
  });

  it("keeps other parameters apart", async () => {
    use(client.liveQuery(sql, [42]));
    use(client.liveQuery(sql, [43]));
    await allSettled();
    expect(engine.lines).toHaveLength(2);
  });

  it("lasts until the last one has left, and a little longer", async () => {
    const first = use(client.liveQuery(sql, [42]));
    const second = use(client.liveQuery(sql, [42]));
    await allSettled();
    await engine.hub.send(cut("0/10"), snapshot("s1", []), live("s1", "0/10"));
    first.leave();
    first.leave();
    await engine.clock.pass(5_000);
    expect(client.liveQuery(sql, [42]).status).toBe("live");
    second.leave();
    await engine.clock.pass(999);
    expect(client.liveQuery(sql, [42]).status).toBe("live");
    await engine.clock.pass(1);
    expect(client.liveQuery(sql, [42]).status).toBe("idle");
    expect(engine.hub.calls.at(-1)).toEqual(["Detach", "s1"]);
    expect(engine.lines).toEqual(["POST /subscribe", "DELETE /subscribe/s1"]);
    expect(engine.hub.isClosed).toBe(true);
  });

  it("stays when a subscriber comes within the grace", async () => {
    const query = client.liveQuery(sql, [42]);
    const leave = await becomeLive(query);
    leave();
    await engine.clock.pass(500);
    use(query);
    await engine.clock.pass(5_000);
    expect(query.status).toBe("live");
    expect(engine.lines).toEqual(["POST /subscribe"]);
  });

  it("begins again with an old handle", async () => {
    const query = client.liveQuery(sql, [42]);
    (await becomeLive(query))();
    await engine.clock.pass(1_000);
    use(query);
    await allSettled();
    await engine.hub.send(cut("0/50"), snapshot("s2", [["9", "new"]]), live("s2", "0/50"));
    expect(query.rows).toEqual([{ id: "9", body: "new" }]);
    expect(engine.hubs).toHaveLength(2);
  });

  it("deletes a subscription whose answer comes after its last user has left", async () => {
    let reply: (value: ReturnType<typeof answer>) => void = () => {};
    engine.answers.push(new Promise((resolve) => (reply = resolve)));
    const { leave } = use(client.liveQuery(sql, [42]));
    leave();
    await engine.clock.pass(1_000);
    reply(answer("late"));
    await allSettled();
    expect(engine.lines).toEqual(["POST /subscribe", "DELETE /subscribe/late"]);
  });
});

describe("one cut", () => {
  it("is what every listener sees of all results", async () => {
    const left = client.liveQuery("SELECT 1");
    const right = client.liveQuery("SELECT 2");
    const seen: unknown[] = [];
    const check = (): void => void seen.push([left.cut, right.cut, left.rows.length, right.rows.length]);
    left.subscribe(() => {});
    right.subscribe(() => {});
    await allSettled();
    await engine.hub.send(cut("0/10"), snapshot("s1", []), live("s1", "0/10"), snapshot("s2", []), live("s2", "0/10"));
    left.subscribe(check);
    right.subscribe(check);
    await engine.hub.send(diff("s1", "0/20", { added: [["1", "a"]] }), diff("s2", "0/20", { added: [["2", "b"]] }), cut("0/20"));
    expect(seen).toEqual([["0/20", "0/20", 1, 1], ["0/20", "0/20", 1, 1]]);
  });
});

describe("a result that has been left", () => {
  it("does not keep the others waiting for its cut", async () => {
    const left = client.liveQuery("SELECT 1");
    const leave = await becomeLive(left);
    const other = client.liveQuery("SELECT 2");
    use(other);
    await allSettled();
    leave();
    await engine.clock.pass(1_000);
    await engine.hub.send(snapshot("s2", []), live("s2", "0/20"));
    expect(other.state).toMatchObject({ status: "live", cut: "0/20" });
  });
});

describe("stale", () => {
  it("keeps rows and status, with the reason, until the next live", async () => {
    const query = client.liveQuery(sql, [42]);
    await becomeLive(query);
    await engine.hub.send(sample("stale"), cut("0/20"));
    expect(query.state).toMatchObject({ status: "live", cut: "0/10", stale: { code: "query_failed", sqlstate: "22012", message: "division by zero" } });
    expect(query.rows).toHaveLength(2);
    await engine.hub.send(live("s1", "0/20"));
    expect(query.state).toMatchObject({ status: "live", cut: "0/20", stale: null });
  });
});

describe("a reset", () => {
  it("shows the old rows until the new ones are live, with status snapshot", async () => {
    const query = client.liveQuery(sql, [42]);
    await becomeLive(query);
    const [first] = query.rows;
    await engine.hub.send(sample("reset"), snapshot("s1", [["1", "hi"]]));
    expect(query.status).toBe("snapshot");
    expect(query.rows).toHaveLength(2);
    await engine.hub.send(live("s1", "0/20"));
    expect(query.status).toBe("live");
    expect(query.rows).toEqual([{ id: "1", body: "hi" }]);
    expect(query.rows[0]).toBe(first);
  });

  it("makes the old position void, also for the next connection", async () => {
    const query = client.liveQuery(sql, [42]);
    await becomeLive(query);
    await engine.hub.send(sample("reset"));
    await engine.hub.end();
    await engine.clock.pass(250);
    await engine.hub.send(cut("0/30"));
    expect(engine.hub.calls).toEqual([["Attach", "s1", null]]);
  });
});

describe("a lost connection", () => {
  it("is made again and resumes from the last cut, without a snapshot", async () => {
    const query = client.liveQuery(sql, [42]);
    await becomeLive(query);
    await engine.hub.send(cut("0/18"), diff("s1", "0/20", { added: [["3", "cut off"]] }));
    await engine.hub.end();
    expect(query.status).toBe("reconnecting");
    expect(query.rows).toHaveLength(2);
    expect(engine.hubs[0]!.isClosed).toBe(true);
    await engine.clock.pass(250);
    expect(engine.hubs).toHaveLength(2);
    await engine.hub.send(cut("0/30"));
    expect(engine.hub.calls).toEqual([["Attach", "s1", "0/18"]]);
    await engine.hub.send(diff("s1", "0/20", { added: [["3", "again"]] }), diff("s1", "0/28", { removed: [["1"]] }));
    expect(query.status).toBe("reconnecting");
    await engine.hub.send(live("s1", "0/30"));
    expect(query.state).toMatchObject({ status: "live", cut: "0/30", rows: [{ id: "2", body: "yo" }, { id: "3", body: "again" }] });
    expect(engine.lines).toEqual(["POST /subscribe"]);
  });

  it("waits twice as long each time, up to the maximum", async () => {
    client = engine.client({ reconnect: { initialMilliseconds: 100, maximumMilliseconds: 500 } });
    use(client.liveQuery(sql));
    await allSettled();
    const waits: number[] = [];
    for (let round = 0; round < 5; round++) {
      await engine.hub.end();
      waits.push(engine.clock.pending.at(-1)!);
      await engine.clock.pass(1_000);
    }
    // random() is a half, so each wait is three quarters of its limit.
    expect(waits).toEqual([75, 150, 300, 375, 375]);
  });

  it("of a hub that was replaced is ignored", async () => {
    const query = client.liveQuery(sql, [42]);
    await becomeLive(query);
    const old = engine.hub;
    await old.end();
    await old.send(diff("s1", "0/20", { added: [["3", "late"]] }), cut("0/20"));
    await old.end();
    await engine.clock.pass(250);
    expect(engine.hubs).toHaveLength(2);
    await engine.hub.send(cut("0/30"), live("s1", "0/30"));
    await old.send(diff("s1", "0/40", { added: [["3", "late"]] }), cut("0/40"));
    expect(query.state).toMatchObject({ status: "live", cut: "0/30" });
    expect(query.rows).toHaveLength(2);
  });

  it("whose subscription is gone subscribes again and resumes from the last cut", async () => {
    const query = client.liveQuery(sql, [42]);
    await becomeLive(query);
    await engine.hub.end();
    await engine.clock.pass(250);
    engine.refusals.push("unknown_subscription: there is no such subscription");
    await engine.hub.send(cut("0/30"));
    expect(engine.lines).toEqual(["POST /subscribe", "POST /subscribe"]);
    expect(engine.hub.calls).toEqual([["Attach", "s1", "0/10"], ["Attach", "s2", "0/10"]]);
    await engine.hub.send(live("s2", "0/30"));
    expect(query.state).toMatchObject({ status: "live", cut: "0/30", error: null });
    expect(query.rows).toHaveLength(2);
  });
});

describe("refetch", () => {
  it("after schema_changed subscribes again and shows the new columns with their rows", async () => {
    const query = client.liveQuery(sql, [42]);
    await becomeLive(query);
    engine.answers.push(answer("s9", { columns: [column("id", "int8"), column("text", "text")] }));
    await engine.hub.send({ type: "error", sub: "s1", code: "schema_changed" });
    expect(engine.hub.calls.at(-1)).toEqual(["Attach", "s9", null]);
    expect(query.state).toMatchObject({ status: "snapshot", error: null });
    expect(query.rows[0]).toEqual({ id: "1", body: "hi" });
    await engine.hub.send(snapshot("s9", [["1", "hi"]]), live("s9", "0/10"));
    expect(query.rows).toEqual([{ id: "1", text: "hi" }]);
    expect(query.columns.map(({ name }) => name)).toEqual(["id", "text"]);
    expect(engine.lines).not.toContain("DELETE /subscribe/s1");
  });

  it("back to the columns that are shown forgets the ones in between", async () => {
    const query = client.liveQuery(sql, [42]);
    await becomeLive(query);
    engine.answers.push(answer("s8", { columns: [column("id", "int8"), column("text", "text")] }), answer("s9"));
    await engine.hub.send({ type: "error", sub: "s1", code: "schema_changed" });
    await engine.hub.send({ type: "error", sub: "s8", code: "schema_changed" });
    await engine.clock.pass(400);
    await engine.hub.send(snapshot("s9", [["1", "hi"]]), live("s9", "0/10"));
    expect(query.rows).toEqual([{ id: "1", body: "hi" }]);
  });

  it("that does not lead to a live result waits before the next try", async () => {
    use(client.liveQuery(sql, [42]));
    await allSettled();
    engine.refusals.push("unknown_subscription: no", "unknown_subscription: no");
    await engine.hub.send(cut("0/10"));
    expect(engine.lines).toHaveLength(2);
    await engine.clock.pass(400);
    expect(engine.lines).toHaveLength(3);
  });

  it("follows rows that came without a snapshot", async () => {
    const query = client.liveQuery(sql, [42]);
    use(query);
    await allSettled();
    await engine.hub.send(cut("0/10"), diff("s1", "0/10", { added: [["1", "a"]] }), live("s1", "0/10"));
    expect(engine.lines).toEqual(["POST /subscribe", "POST /subscribe"]);
    expect(query.rows).toEqual([]);
  });
});

describe("errors", () => {
  it("of a request have all members of the problem details", async () => {
    engine.answers.push(
      problem(400, { code: "unknown_column", title: 'column "bdy" does not exist', detail: "There is a column body.", hint: "Write body.", sqlstate: "42703", position: 12 }),
    );
    const query = client.liveQuery("SELECT id, bdy FROM messages");
    const { statuses } = use(query);
    await allSettled();
    expect(statuses).toEqual(["error"]);
    expect(query.error).toMatchObject({
      name: "SyncError",
      code: "unknown_column",
      message: 'column "bdy" does not exist',
      detail: "There is a column body.",
      hint: "Write body.",
      sqlstate: "42703",
      position: 12,
      class: "fixRequest",
    });
    await engine.clock.pass(60_000);
    expect(engine.lines).toHaveLength(1);
  });

  it("in a frame end the subscription, which is not tried again", async () => {
    const query = client.liveQuery(sql, [42]);
    await becomeLive(query);
    await engine.hub.send(sample("error"));
    expect(query.state).toMatchObject({ status: "error", error: { code: "permission_denied", hint: "Grant SELECT on it to the role of the token." } });
    await engine.clock.pass(60_000);
    expect(engine.lines).toEqual(["POST /subscribe"]);
    await engine.hub.send(diff("s1", "0/20", { added: [["3", "late"]] }), sample("stale"), cut("0/20"));
    expect(query.rows).toHaveLength(2);
    expect(query.stale).toBe(null);
  });

  it("are tried again when the user asks", async () => {
    engine.answers.push(problem(400, { code: "unknown_relation" }));
    const query = client.liveQuery(sql, [42]);
    use(query);
    await allSettled();
    query.retry();
    expect(query.status).toBe("connecting");
    await allSettled();
    await engine.hub.send(cut("0/10"), snapshot("s1", []), live("s1", "0/10"));
    expect(query.state).toMatchObject({ status: "live", error: null });
  });

  it("that ask to back off are waited out, no shorter than asked, and shown meanwhile", async () => {
    engine.answers.push(problem(429, { code: "rate_limited", title: "too many requests" }, { "Retry-After": "7" }));
    const query = client.liveQuery(sql, [42]);
    use(query);
    await allSettled();
    expect(query.state).toMatchObject({ status: "connecting", error: { code: "rate_limited", retryAfterMilliseconds: 7_000 } });
    await engine.clock.pass(7_000);
    expect(engine.lines).toHaveLength(1);
    await engine.clock.pass(250);
    expect(engine.lines).toHaveLength(2);
    await engine.hub.send(cut("0/10"), snapshot("s1", []), live("s1", "0/10"));
    expect(query.error).toBe(null);
  });

  it("of a proxy in between are known by their status", async () => {
    engine.answers.push(new Response("<html>", { status: 503 }), new Response("<html>", { status: 404, statusText: "Not Found" }));
    const query = client.liveQuery(sql, [42]);
    use(query);
    await allSettled();
    expect(query.error!.code).toBe("source_unavailable");
    await engine.clock.pass(250);
    expect(query.state).toMatchObject({ status: "error", error: { code: "invalid_request", message: "the answer was 404 Not Found" } });
  });

  it("of the network are tried again", async () => {
    engine.answers.push(new TypeError("fetch failed"));
    const query = client.liveQuery(sql, [42]);
    use(query);
    await allSettled();
    expect(query.error).toMatchObject({ code: "network_error", message: "the engine was not reached: fetch failed" });
    await engine.clock.pass(250);
    expect(engine.lines).toHaveLength(2);
  });

  it("that ask to back off while live release the subscription and make it again", async () => {
    const query = client.liveQuery(sql, [42]);
    await becomeLive(query);
    await engine.hub.send({ type: "error", sub: "s1", code: "query_timeout" });
    expect(query.state).toMatchObject({ status: "reconnecting", error: { code: "query_timeout" } });
    await engine.clock.pass(250);
    expect(engine.lines).toEqual(["POST /subscribe", "DELETE /subscribe/s1", "POST /subscribe"]);
    expect(engine.hub.calls.at(-1)).toEqual(["Attach", "s2", "0/10"]);
  });

  it("of an answer whose key is not among its columns end the query", async () => {
    engine.answers.push(answer("s1", { key: ["room"] }));
    const query = client.liveQuery(sql, [42]);
    use(query);
    await allSettled();
    expect(query.state).toMatchObject({ status: "error", error: { code: "internal" } });
  });
});

describe("the token", () => {
  it("goes with requests and with the connection, and is asked for again", async () => {
    let asked = 0;
    client = engine.client({ token: () => Promise.resolve(`token ${++asked}`) });
    (await becomeLive(client.liveQuery(sql, [42])))();
    await engine.clock.pass(1_000);
    const used = new Set([...engine.requests.map(({ authorization }) => authorization), `Bearer ${engine.hub.tokenSent}`]);
    expect(used).toEqual(new Set(["Bearer token 1", "Bearer token 2", "Bearer token 3"]));
  });

  it("is renewed on the connection before it expires", async () => {
    const now = engine.clock.now();
    let token = jwt(now + 600_000, "first");
    client = engine.client({ token: () => token });
    const query = client.liveQuery(sql, [42]);
    await becomeLive(query);
    token = jwt(now + 1_200_000, "second");
    await engine.clock.pass(539_999);
    expect(engine.hub.calls).toHaveLength(1);
    await engine.clock.pass(1);
    expect(engine.hub.calls.at(-1)).toEqual(["Authenticate", token]);
    token = jwt(now + 1_800_000, "third");
    await engine.clock.pass(600_000);
    expect(engine.hub.calls.at(-1)).toEqual(["Authenticate", token]);
    expect(query.status).toBe("live");
    expect(engine.hubs).toHaveLength(1);
  });

  it("that does not change is not sent again", async () => {
    const token = jwt(engine.clock.now() + 600_000);
    client = engine.client({ token });
    await becomeLive(client.liveQuery(sql, [42]));
    await engine.clock.pass(3_600_000);
    expect(engine.hub.calls).toEqual([["Attach", "s1", null]]);
  });

  it("that has expired under a subscription is renewed, and the subscription made again", async () => {
    let token = "old";
    client = engine.client({ token: () => token });
    const query = client.liveQuery(sql, [42]);
    await becomeLive(query);
    token = "new";
    await engine.hub.send({ type: "error", sub: "s1", code: "token_expired" });
    expect(engine.hub.calls).toContainEqual(["Authenticate", "new"]);
    expect(engine.requests.at(-1)).toMatchObject({ line: "POST /subscribe", authorization: "Bearer new" });
    await engine.hub.send(live("s2", "0/10"));
    expect(query.status).toBe("live");
  });

  it("that is refused ends the queries until there is another", async () => {
    client = engine.client({ token: () => "bad" });
    const query = client.liveQuery(sql, [42]);
    use(query);
    await allSettled();
    await engine.hub.end(new Error("Failed to complete negotiation with the server: Error: Unauthorized: Status code '401'"));
    expect(query.state).toMatchObject({ status: "error", error: { code: "unauthenticated", class: "signIn" } });
    await engine.clock.pass(60_000);
    expect(engine.hubs).toHaveLength(1);
    client.authenticate();
    await allSettled();
    expect(engine.hubs).toHaveLength(2);
    await engine.hub.send(cut("0/10"), snapshot("s2", []), live("s2", "0/10"));
    expect(query.state).toMatchObject({ status: "live", error: null });
  });

  it("is renewed on a later connection, too", async () => {
    const now = engine.clock.now();
    let token = jwt(now + 600_000, "first");
    client = engine.client({ token: () => token });
    await becomeLive(client.liveQuery(sql, [42]));
    await engine.hub.end();
    await engine.clock.pass(250);
    await engine.hub.send(cut("0/20"), live("s1", "0/20"));
    token = jwt(now + 1_200_000, "second");
    await engine.clock.pass(600_000);
    expect(engine.hub.calls.at(-1)).toEqual(["Authenticate", token]);
  });

  it("that was refused leaves a late answer to the first request without effect", async () => {
    let refuse: (error: Error) => void = () => {};
    engine.answers.push(new Promise((_, reject) => (refuse = reject)));
    client = engine.client({ token: () => "bad" });
    const query = client.liveQuery(sql, [42]);
    use(query);
    await allSettled();
    await engine.hub.end(new Error("Failed to complete negotiation with the server: Error: Unauthorized: Status code '401'"));
    engine.answers.push(new Promise(() => {}));
    client.authenticate();
    await allSettled();
    refuse(new TypeError("fetch failed"));
    await allSettled();
    expect(query.state).toMatchObject({ status: "connecting" });
    expect(query.error?.code).not.toBe("network_error");
  });

  it("that a hub refuses leads to a new connection with what there is", async () => {
    let token = "old";
    client = engine.client({ token: () => token });
    await becomeLive(client.liveQuery(sql, [42]));
    token = "new";
    engine.refusals.push("unauthenticated: another subject");
    client.authenticate();
    await allSettled();
    await engine.clock.pass(250);
    expect(engine.hubs).toHaveLength(2);
    expect(engine.hub.tokenSent).toBe("new");
  });

  it("that cannot be had is asked for again later", async () => {
    let fails = true;
    client = engine.client({
      token: () => {
        if (fails) throw new Error("offline");
        return "token";
      },
    });
    const query = client.liveQuery(sql, [42]);
    use(query);
    await allSettled();
    expect(query.state).toMatchObject({ status: "connecting", error: { code: "network_error" } });
    fails = false;
    await engine.clock.pass(250);
    await engine.hub.send(cut("0/10"), snapshot("s1", []), live("s1", "0/10"));
    expect(query.status).toBe("live");
  });
});

describe("observing", () => {
  it("reports what was applied, after the state shows it", async () => {
    const query = client.liveQuery(sql, [42]);
    const seen: [Observation, number][] = [];
    query.onFrame((observation) => seen.push([observation, query.rows.length]));
    await allSettled();
    await engine.hub.send(cut("0/10"), snapshot("s1", [["1", "hi"], ["2", "yo"]]), live("s1", "0/10"));
    await engine.hub.send(sample("diff"), diff("s1", "0/16B3790", { added: [["4", "d"]] }), sample("cut"), sample("stale"), sample("reset"));
    expect(seen.map(([{ type }, count]) => [type, count])).toEqual([["live", 2], ["diff", 3], ["diff", 3], ["stale", 3], ["reset", 3]]);
    expect(seen[1]![0]).toEqual({
      type: "diff",
      cut: "0/16B3790",
      commitTime: "2026-11-20T08:28:00.123456Z",
      xid: "742",
      added: ['["3"]'],
      updated: ['["1"]'],
      removed: ['["2"]'],
    });
    expect(query.rows.map((row) => query.keyOf(row))).toEqual(['["1"]', '["3"]', '["4"]']);
  });

  it("of frames shows all of them as they come", async () => {
    const types: string[] = [];
    const stop = client.onFrame(({ type }) => types.push(type));
    await becomeLive(client.liveQuery(sql, [42]));
    stop();
    await engine.hub.send(cut("0/20"));
    expect(types).toEqual(["cut", "snapshot", "live"]);
  });
});

describe("closing", () => {
  it("gives back what there is, and nothing begins again", async () => {
    const query = client.liveQuery(sql, [42]);
    const leave = await becomeLive(query);
    client.close();
    await allSettled();
    expect(query.status).toBe("idle");
    expect(engine.lines.at(-1)).toBe("DELETE /subscribe/s1");
    expect(engine.hub.isClosed).toBe(true);
    leave();
    await engine.clock.pass(60_000);
    expect(engine.hubs).toHaveLength(1);
    expect(engine.clock.pending).toEqual([]);
    expect(() => query.subscribe(() => {})).toThrow("the client is closed");
  });
});
