import { describe, expect, it } from "vitest";
import { parameterOf, parameterValues, type Parameter } from "../src/queries/parameters.ts";
import { hashOf, panesOf } from "../src/queries/paneState.ts";

const pane = (sql: string, ...parameters: Parameter[]) => ({ id: 0, sql, parameters, run: null });

describe("the panes in the hash", () => {
  it("come back as they were", () => {
    const panes = [
      pane("SELECT 'a&b=c#d%' -- ü\nFROM m WHERE id = $1 AND $2 AND $3", parameterOf("42"), parameterOf(null), parameterOf([1, "two"])),
      pane("SELECT 1"),
      pane("SELECT $1", { form: "json", text: '"text"' }),
      pane("SELECT $1", { form: "json", text: "[1, " }),
    ];
    expect(panesOf(hashOf(panes))).toEqual(panes.map(({ sql, parameters }) => ({ sql, parameters })));
  });

  it("keep an empty pane", () => {
    expect(panesOf(hashOf([pane("")]))).toEqual([{ sql: "", parameters: [] }]);
  });

  it("are none in an empty hash, and survive a broken one", () => {
    expect(panesOf("")).toBeNull();
    expect(panesOf("p=[1]")).toBeNull();
    expect(panesOf("q=SELECT+%241&p={oops")).toEqual([{ sql: "SELECT $1", parameters: [] }]);
  });
});

describe("parameterValues", () => {
  it("sends text as a string, JSON as itself, null as null, and what is missing as an empty string", () => {
    expect(parameterValues([{ form: "value", text: "7" }, { form: "json", text: "[1]" }, { form: "null", text: "kept" }], 4)).toEqual(["7", [1], null, ""]);
  });

  it("names the parameter whose JSON is none", () => {
    expect(() => parameterValues([{ form: "value", text: "" }, { form: "json", text: "{" }], 2)).toThrow(/^\$2 is not JSON/);
  });
});
