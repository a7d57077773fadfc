import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { SyncClient, type SyncClientOptions } from "../../src/client.js";
import { signalRHub, type Hub } from "../../src/hub.js";
import type { LiveQuery, LiveState } from "../../src/liveQuery.js";
import type { Param } from "../../src/query.js";
import { SyncError } from "../../src/syncError.js";
import { missing, psql, url } from "../support/server.js";

const table = `client_ts_${process.pid}`;
const totals = `${table}_totals`;
const clients: SyncClient[] = [];
const hubs: Hub[] = [];

if (missing !== "") {
  it.skip(`against a running engine: set ${missing}`, () => {});
} else {
  describe("against a running engine", suite);
}

function suite(): void {
  beforeAll(async () => {
    psql(`CREATE TABLE ${table} (id int8 PRIMARY KEY, body text, rank int4); CREATE TABLE ${totals} (id int4 PRIMARY KEY, count int4 NOT NULL); INSERT INTO ${totals} VALUES (1, 0)`);
    // The engine knows new tables within two seconds, so the test asks until it does.
    for (const name of [table, totals]) await known(`SELECT * FROM ${name}`);
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
    hubs.length = 0;
    psql(`DELETE FROM ${table}; UPDATE ${totals} SET count = 0`);
  });
  afterAll(() => {
    psql(`DROP TABLE IF EXISTS ${table}, ${totals}`);
  });

  it("follows inserts, updates and deletes", async () => {
    psql(`INSERT INTO ${table} VALUES (1, 'one', 1)`);
    const live = start(connect(), `SELECT id, body FROM ${table} WHERE rank = $1`, [1]);
    await until(live, ({ status }) => status === "live");
    expect(live.rows).toEqual([{ id: "1", body: "one" }]);
    const [first] = live.rows;
    psql(`BEGIN; INSERT INTO ${table} VALUES (2, NULL, 1), (3, 'elsewhere', 2); COMMIT`);
    await until(live, ({ rows }) => rows.length === 2);
    expect(live.rows).toContainEqual({ id: "2", body: null });
    expect(live.rows).toContain(first);
    psql(`UPDATE ${table} SET rank = 1 WHERE id = 3; DELETE FROM ${table} WHERE id = 1; UPDATE ${table} SET body = 'two' WHERE id = 2`);
    await until(live, ({ rows }) => rows.length === 2 && rows.some((row) => row["body"] === "two"));
    expect([...live.rows].sort((left, right) => Number(left["id"]) - Number(right["id"]))).toEqual([{ id: "2", body: "two" }, { id: "3", body: "elsewhere" }]);
  });

  it("keeps the order of ORDER BY with LIMIT", async () => {
    const live = start(connect(), `SELECT id, rank FROM ${table} ORDER BY rank DESC, id LIMIT 3`);
    await until(live, ({ status }) => status === "live");
    psql(`INSERT INTO ${table} SELECT n, 'x', n FROM generate_series(1, 6) n`);
    await until(live, ({ rows }) => ids(rows) === "6,5,4");
    psql(`UPDATE ${table} SET rank = 10 WHERE id = 4`);
    await until(live, ({ rows }) => ids(rows) === "4,6,5");
    psql(`DELETE FROM ${table} WHERE id = 6`);
    await until(live, ({ rows }) => ids(rows) === "4,5,3");
  });

  it("shows two results of one transaction at one cut", async () => {
    const client = connect();
    const rows = start(client, `SELECT id FROM ${table}`);
    const total = start(client, `SELECT id, count FROM ${totals}`);
    await until(rows, ({ status }) => status === "live");
    await until(total, ({ status }) => status === "live");
    const torn: unknown[] = [];
    const check = (): void => {
      if (rows.status === "live" && total.status === "live" && (rows.cut !== total.cut || rows.rows.length !== total.rows[0]!["count"])) torn.push([rows.state, total.state]);
    };
    rows.subscribe(check);
    total.subscribe(check);
    for (let id = 1; id <= 20; id++) psql(`BEGIN; INSERT INTO ${table} VALUES (${id}, 'x', 1); UPDATE ${totals} SET count = count + 1; COMMIT`);
    await until(total, (state) => state.rows[0]!["count"] === 20);
    expect(rows.rows).toHaveLength(20);
    expect(torn).toEqual([]);
  });

  it("resumes after its connection is lost, and has missed nothing", async () => {
    psql(`INSERT INTO ${table} VALUES (1, 'stays', 1), (2, 'goes', 1)`);
    const live = start(connect(), `SELECT id, body FROM ${table}`);
    await until(live, ({ rows }) => rows.length === 2);
    const stays = live.rows.find((row) => row["id"] === "1");
    hubs[0]!.close();
    await until(live, ({ status }) => status === "reconnecting");
    psql(`DELETE FROM ${table} WHERE id = 2; INSERT INTO ${table} VALUES (3, 'new', 1)`);
    await until(live, ({ status, rows }) => status === "live" && ids(rows) === "1,3");
    expect(live.rows).toContain(stays);
    expect(hubs).toHaveLength(2);
  });

  it("gives int8 as bigint when configured so", async () => {
    psql(`INSERT INTO ${table} VALUES (9007199254740993, 'x', 1)`);
    const live = start(connect({ int8: "bigint" }), `SELECT id, ARRAY[id, NULL] AS ids FROM ${table} WHERE id = $1`, [9007199254740993n]);
    await until(live, ({ status }) => status === "live");
    expect(live.rows).toEqual([{ id: 9007199254740993n, ids: [9007199254740993n, null] }]);
  });

  it("reports the error of a query", async () => {
    const client = connect();
    const syntax = start(client, "SELECT id FRM nowhere");
    const relation = start(client, "SELECT id FROM no_such_table");
    const column = start(client, `SELECT no_such_column FROM ${table}`);
    for (const [live, code] of [[syntax, "sql_syntax_error"], [relation, "unknown_relation"], [column, "unknown_column"]] as const) {
      await until(live, ({ status }) => status === "error");
      expect(live.error).toMatchObject({ name: "SyncError", code });
    }
    expect(syntax.error!.position).toBeGreaterThan(0);
  });
}

function connect(options: Partial<SyncClientOptions> = {}): SyncClient {
  const client = new SyncClient(
    { url: url!, token: process.env["SYNC_TOKEN"], ...options },
    {
      hub: (at, token) => {
        const hub = signalRHub(at, token);
        hubs.push(hub);
        return hub;
      },
    },
  );
  clients.push(client);
  return client;
}

function start(client: SyncClient, sql: string, params: readonly Param[] = []): LiveQuery {
  const live = client.liveQuery(sql, params);
  live.subscribe(() => {});
  return live;
}

/** Waits for the listener's call after which the condition holds. What never comes is the test's time-out. */
function until(live: LiveQuery, condition: (state: LiveState) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const check = (): void => {
      const { state } = live;
      if (condition(state)) resolve();
      else if (state.status === "error") reject(state.error as Error);
      else return;
      queueMicrotask(() => stop());
    };
    const stop = live.subscribe(check);
    check();
  });
}

async function known(sql: string): Promise<void> {
  for (const deadline = Date.now() + 10_000; ; ) {
    try {
      await connect().explain(sql);
      return;
    } catch (error) {
      const isComing = error instanceof SyncError && ["unknown_relation", "not_published"].includes(error.code);
      if (!isComing || Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

function ids(rows: readonly { readonly [name: string]: unknown }[]): string {
  return rows.map((row) => String(row["id"])).join(",");
}
