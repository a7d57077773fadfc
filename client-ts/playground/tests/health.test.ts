import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { healthOf } from "../src/shell/health.ts";

it("the sample of GET /health/ready is read part by part", () => {
  const body: unknown = JSON.parse(readFileSync(new URL("../../../docs/protocol/bodies/health-ready.json", import.meta.url), "utf8"));
  const health = healthOf({ status: 200, body });
  expect(health).toMatchObject({ state: "ready", version: "0.1.0" });
  expect(health.parts.map(({ name, status, detail }) => [name, status, detail])).toEqual([
    ["database", "up", ""],
    ["outbox.nodes_table", "up", "full: 1 node"],
    ["replication", "up", ""],
  ]);
});
