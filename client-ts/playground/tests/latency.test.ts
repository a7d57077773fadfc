import { expect, it } from "vitest";
import { lastOf, medianOf, milliseconds, noLatency, withSample } from "../src/queries/latency.ts";

it("keeps the last fifty samples and gives their median", () => {
  let latency = noLatency;
  for (let sample = 0; sample < 60; sample++) latency = withSample(latency, sample);
  expect(latency.samples).toHaveLength(50);
  expect(medianOf(latency)).toBe(34);
  expect(lastOf(latency)).toBe(59);
  expect(medianOf(noLatency)).toBeUndefined();
});

it.each([
  [undefined, "–"],
  [0.84, "0.8 ms"],
  [9.96, "10 ms"],
  [123.4, "123 ms"],
  [12_340, "12.3 s"],
])("writes %s as %s", (value, text) => {
  expect(milliseconds(value)).toBe(text);
});
