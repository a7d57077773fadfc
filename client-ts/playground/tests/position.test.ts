import { expect, it } from "vitest";
import { characterOffset, textPosition, wordAt } from "../src/queries/position.ts";

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

it.each([
  ["SELECT a FRM t", 14, "t"],
  ["SELECT a FRM rooms x", 14, "rooms"],
  ["SELECT ,", 8, ","],
  ["SELECT (", 9, "("],
  ["", 1, ""],
])("marks the word of %j at %i", (text, position, word) => {
  const { start, end } = wordAt(text, position);
  expect(text.slice(start, end)).toBe(word);
});
