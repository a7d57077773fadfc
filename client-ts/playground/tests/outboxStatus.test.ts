import { describe, expect, it } from "vitest";
import { healthOf } from "../src/shell/health.ts";
import { outboxStatusOf, rateOf, withSample, type Sample } from "../src/outbox/outboxStatus.ts";

const up = { status: "up", since: "2026-01-01T00:00:00Z" };
const parts = {
  database: up,
  "outbox.postgres": up,
  "outbox.outbox_table": up,
  "outbox.nodes_table": { ...up, detail: "full: 2 nodes" },
  "outbox.channels": up,
  "outbox.hub": up,
};
const metrics = `# HELP sync_outbox_published_total Messages stored at their target.
# TYPE sync_outbox_published_total counter
sync_outbox_published_total{target="hub"} 12
sync_outbox_published_total{target="ably"} 30
sync_outbox_waiting_rows 3
sync_outbox_dead_letters 1
`;

const statusWith = (changed: object = {}, status = 200) => outboxStatusOf({ status, body: { status: status === 200 ? "up" : "down", parts: { ...parts, ...changed } } }, metrics);

describe("a glance at the outbox", () => {
  it("shows mode, targets and figures", () => {
    expect(statusWith()).toEqual({
      state: "open",
      mode: "full: 2 nodes",
      targets: [{ name: "hub", status: "up", reason: "", published: 12 }],
      remarks: [],
      blocked: "",
      waiting: 3,
      published: 42,
      deadLetters: 1,
    });
  });

  it("shows a part as off when it is up without a use", () => {
    const { parts } = healthOf({ status: 200, body: { parts: { replication: { ...up, detail: "not configured: wal_level is replica; live queries are off" }, database: { ...up, detail: "15.1" } } } });
    expect(parts.map(({ name, status }) => `${name} ${status}`)).toEqual(["replication off", "database up"]);
  });

  it("shows an engine that is not ready, which target is down and why", () => {
    const { targets, remarks } = statusWith({ "outbox.ably": { status: "down", detail: "the key was refused" }, "outbox.outbox_table": { ...up, detail: "there is no trigger" } }, 503);
    expect(targets[1]).toEqual({ name: "ably", status: "down", reason: "the key was refused", published: 30 });
    expect(remarks.map(({ name, detail }) => [name, detail])).toEqual([["outbox_table", "there is no trigger"]]);
  });

  it("shows which channels are blocked, with code and reason, and leaves dead letters to their figure", () => {
    const blocked = "1 channel waits: room:1 (ably 40160, 3 tries: no capability; ask for one)";
    expect(statusWith({ "outbox.channels": { ...up, detail: `${blocked}; 2 dead letters; replay-dead-letters puts them back` } }).blocked).toBe(blocked);
    expect(statusWith({ "outbox.channels": { ...up, detail: blocked } }).blocked).toBe(blocked);
    expect(statusWith({ "outbox.channels": { ...up, detail: "1 dead letter; replay-dead-letters puts it back" } }).blocked).toBe("");
  });

  it("does not take an engine without an outbox for one that cannot be reached", () => {
    expect(outboxStatusOf({ status: 200, body: { parts: { database: up } } }, "").state).toBe("closed");
    expect(outboxStatusOf({ status: 503, body: { parts: { database: { status: "down" } } } }, "").state).toBe("closed");
    expect(outboxStatusOf({ status: 502, body: "<html>" }, "").state).toBe("unreachable");
  });

  it("is not running while its table of nodes is down", () => {
    expect(statusWith({ "outbox.nodes_table": { status: "down", detail: "table is unhealthy" } }, 503).mode).toBe("not running");
  });
});

describe("messages a second", () => {
  const over = (...all: readonly (readonly [at: number, published: number])[]): readonly Sample[] =>
    all.reduce<readonly Sample[]>((samples, [at, published]) => withSample(samples, { at, published }), []);

  it("are counted over the last five seconds", () => {
    expect(rateOf(over([0, 0]))).toBeNull();
    expect(rateOf(over([0, 0], [1_000, 10], [3_000, 10]))).toBeCloseTo(10 / 3);
    expect(rateOf(over([0, 0], [1_000, 1_000], [6_000, 1_010]))).toBe(2);
  });

  it("begin again with another process", () => {
    expect(rateOf(over([0, 500], [1_000, 2]))).toBeNull();
    expect(rateOf(over([0, 500], [1_000, 2], [2_000, 5]))).toBe(3);
  });
});
