import { expect, it } from "vitest";
import { characterOffset, textPosition } from "../src/queries/position.ts";

it("counts characters as Postgres does, not the halves of an emoji", () => {
  expect(characterOffset("'😀' x", 5)).toBe(5);
  expect("'😀' x"[characterOffset("'😀' x", 5)]).toBe("x");
});

it.each([
  ["SELECT 1", 1, 1, 1, "SELECT 1", ""],
  ["SELECT 1\nFRM t\nx", 10, 2, 1, "FRM t", ""],
  ["SELECT 1\nFRM t\nx", 14, 2, 5, "FRM t", "FRM "],
  ["SELECT", 7, 1, 7, "SELECT", "SELECT"],
  ["SELECT", 99, 1, 7, "SELECT", "SELECT"],
  ["a\n", 2, 1, 2, "a", "a"],
  ["a\n", 3, 2, 1, "", ""],
])("finds position in %j: %i", (text, position, line, column, lineText, before) => {
  expect(textPosition(text, position)).toEqual({ line, column, lineText, before });
});
