import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SyncClient } from "../../src/client.js";
import { signalRHub, type Hub } from "../../src/hub.js";
import { hubSource, ModelsClient, type ConfirmedEvent, type Model, type ModelData, type OptimisticEvent } from "../../src/models/index.js";
import { missing, psql, url } from "../support/server.js";

interface Post {
  readonly comments: readonly string[];
}

const table = `client_ts_comments_${process.pid}`;
let client: SyncClient;
let hubs: Hub[];
let channel: string;
let count = 0;
/** How often the state was read. */
let reads: number;
let model: Model<Post, []>;

if (missing !== "") {
  it.skip(`against a running engine: set ${missing}`, () => {});
} else {
  describe("a model over a running engine's hub", suite);
}

function suite(): void {
  beforeEach(() => {
    channel = `client-ts:${process.pid}-${++count}`;
    reads = 0;
    hubs = [];
    psql(`DROP TABLE IF EXISTS ${table}; CREATE TABLE ${table} (id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text NOT NULL)`);
    client = new SyncClient(
      { url: url!, token: process.env["SYNC_TOKEN"], reconnect: { initialMilliseconds: 200 } },
      {
        hub: (at, token) => {
          const hub = signalRHub(at, token);
          hubs.push(hub);
          return hub;
        },
      },
    );
    model = new ModelsClient({ source: hubSource(client) }).models.get<Post, []>({ channelName: channel, sync: readPost, merge });
  });
  afterEach(async () => {
    await model.dispose();
    client.close();
    psql(`DROP TABLE ${table}; DELETE FROM sync.channel_messages WHERE channel = '${channel}'`);
  });

  it("reads its state, and merges what the backend writes from then on, once", async () => {
    comment("m1", "before");
    await model.sync();
    expect(model.data!.confirmed).toEqual({ comments: ["before"] });
    comment("m2", "it's after");
    comment("m3", "last");
    await until(({ confirmed }) => confirmed.comments.length === 3);
    expect(model.data).toEqual({ confirmed: { comments: ["before", "it's after", "last"] }, optimistic: { comments: ["before", "it's after", "last"] } });
    expect(reads).toBe(1);
  });

  it("merges no event that its state holds, and none of a transaction that was rolled back", async () => {
    for (let index = 0; index < 20; index++) comment(`m${index}`, `c${index}`);
    const ready = model.sync();
    psql(`BEGIN; ${commentSql("m20", "never")}; ROLLBACK`);
    comment("m21", "c20");
    await ready;
    await until(({ confirmed }) => confirmed.comments.length === 21);
    expect(model.data!.confirmed.comments).toEqual(Array.from({ length: 21 }, (_, index) => `c${index}`));
  });

  it("shows a change at once, and once when it is confirmed", async () => {
    await model.sync();
    const shown: (readonly string[])[] = [];
    model.subscribe((_, data) => shown.push(data!.comments));
    await new Promise<void>((resolve) => queueMicrotask(resolve));
    const [confirmation] = await model.optimistic({ mutationId: "mine", name: "commented", data: "hello" });
    expect(model.data).toEqual({ confirmed: { comments: [] }, optimistic: { comments: ["hello"] } });
    comment("theirs", "first");
    comment("mine", "hello");
    await confirmation;
    expect(model.data).toEqual({ confirmed: { comments: ["first", "hello"] }, optimistic: { comments: ["first", "hello"] } });
    expect(shown.at(0)).toEqual([]);
    expect(shown.slice(1).filter((comments) => comments.filter((body) => body === "hello").length !== 1)).toEqual([]);
  });

  it("rolls back a change that the backend rejects", async () => {
    await model.sync();
    const [confirmation] = await model.optimistic({ mutationId: "mine", name: "commented", data: "rude" });
    psql(`INSERT INTO outbox (mutation_id, channel, name, rejected) VALUES ('mine', '${channel}', 'commented', true)`);
    await expect(confirmation).rejects.toMatchObject({ code: "rejected", mutationId: "mine" });
    expect(model.data).toEqual({ confirmed: { comments: [] }, optimistic: { comments: [] } });
  });

  it("resumes after the connection was cut, without reading again, and has missed nothing", async () => {
    await model.sync();
    comment("m1", "one");
    await until(({ confirmed }) => confirmed.comments.length === 1);
    const [confirmation] = await model.optimistic({ mutationId: "mine", name: "commented", data: "two" });
    hubs[0]!.close();
    comment("mine", "two");
    comment("m3", "three");
    await confirmation;
    await until(({ confirmed }) => confirmed.comments.length === 3);
    expect(model.data!.optimistic.comments).toEqual(["one", "two", "three"]);
    expect([reads, hubs.length, model.state]).toEqual([1, 2, "ready"]);
  });

  it("reads its state again when the hub no longer holds later messages", async () => {
    await model.sync();
    comment("m1", "one");
    await until(({ confirmed }) => confirmed.comments.length === 1);
    hubs[0]!.close();
    const held = (): string => psql(`SELECT count(*) FROM sync.channel_messages WHERE channel = '${channel}'`).trim();
    comment("m2", "two");
    comment("m3", "three");
    for (const deadline = Date.now() + 10_000; held() !== "3"; ) if (Date.now() > deadline) throw new Error(`the hub holds ${held()} messages`);
    // As if it had been away for longer than the hub keeps messages.
    psql(`DELETE FROM sync.channel_messages WHERE channel = '${channel}' AND name = 'commented' AND id < (SELECT max(id) FROM sync.channel_messages WHERE channel = '${channel}')`);
    await until(({ confirmed }) => confirmed.comments.length === 3);
    expect(model.data!.confirmed.comments).toEqual(["one", "two", "three"]);
    expect(reads).toBe(2);
    comment("m4", "four");
    await until(({ confirmed }) => confirmed.comments.length === 4);
    expect(reads).toBe(2);
  });
}

/** The endpoint of an application: reads the state and the id of its last event in one transaction. */
async function readPost(): Promise<{ data: Post; sequenceId: string }> {
  reads++;
  const answer = psql(
    `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT json_build_object('data', json_build_object('comments', (SELECT coalesce(json_agg(body ORDER BY id), '[]') FROM ${table})),
      'sequenceId', (SELECT coalesce(max(sequence_id), 0)::text FROM outbox)); COMMIT`,
  );
  return JSON.parse(answer) as { data: Post; sequenceId: string };
}

function merge(post: Post, event: OptimisticEvent | ConfirmedEvent): Post {
  return { comments: [...post.comments, String(event.data)] };
}

/** The backend: writes a change and its event in one transaction. */
function comment(mutationId: string, body: string): void {
  psql(`BEGIN; ${commentSql(mutationId, body)}; COMMIT`);
}

function commentSql(mutationId: string, body: string): string {
  const literal = `'${body.replaceAll("'", "''")}'`;
  return `INSERT INTO ${table} (body) VALUES (${literal}); INSERT INTO outbox (mutation_id, channel, name, data) VALUES ('${mutationId}', '${channel}', 'commented', to_jsonb(${literal}::text))`;
}

/** Waits for the listener's call after which the condition holds. What never comes is the test's time-out. */
function until(condition: (data: ModelData<Post>) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const listener = (error: Error | null): void => {
      if (error !== null) reject(error);
      else if (model.data !== null && condition(model.data)) resolve();
      else return;
      model.unsubscribe(listener);
    };
    model.subscribe(listener);
  });
}
