import { expect, it } from "vitest";
import { onTables } from "../src/queries/examples.ts";

const relation = (name: string, more: object = {}) => ({ schema: "public", name, live: true, primaryKey: ["id"], ...more });

it("offers the last rows of tables that can be followed", () => {
  expect(onTables({ relations: [relation("todo")] })).toEqual([
    { title: "todo", about: "The last rows of public.todo", sql: "SELECT *\nFROM public.todo\nORDER BY id DESC\nLIMIT 20", values: [] },
  ]);
});

it("leaves out what cannot be followed or ordered, and quotes names", () => {
  const [only, ...rest] = onTables({
    relations: [relation("a", { live: false }), relation("b", { primaryKey: [] }), relation('My "T"', { primaryKey: ["Id", "n"] })],
  });
  expect(rest).toEqual([]);
  expect(only!.sql).toBe('SELECT *\nFROM public."My ""T"""\nORDER BY "Id" DESC, n DESC\nLIMIT 20');
});

it("offers nothing when the answer is no schema", () => {
  for (const answer of [undefined, "text", {}, { relations: "x" }]) expect(onTables(answer)).toEqual([]);
});
