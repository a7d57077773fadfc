import { describe, expect, it } from "vitest";
import { marked, markLifetime, nextMarkEnd, noRowMarks, withoutOldMarks, type ResultRow, type RowMarks } from "../src/queries/rowMarks.ts";

const keyOf = (row: ResultRow) => String(row["id"]);
const after = (marks: RowMarks, rows: readonly ResultRow[], now: number) => marked(marks, { rows, ordered: true, keyOf }, now);
const unordered = (marks: RowMarks, rows: readonly ResultRow[], now: number) => marked(marks, { rows, ordered: false, keyOf }, now);
const picture = (marks: RowMarks) => marks.shown.map(({ key, mark }) => (mark === null ? key : `${key} ${[mark.kind, ...mark.columns.keys()].join(" ")}`));

const one = { id: 1, body: "one" };
const two = { id: 2, body: "two" };
const three = { id: 3, body: "three" };

describe("row marks", () => {
  it("do not mark the first rows", () => {
    expect(picture(after(noRowMarks, [one, two], 0))).toEqual(["1", "2"]);
  });

  it("mark what entered, the cells that changed, and what left, in its place", () => {
    const marks = after(after(noRowMarks, [one, two], 0), [{ ...two, body: "zwei" }, three], 10);
    expect(picture(marks)).toEqual(["1 left", "2 changed body", "3 entered"]);
    expect([marks.entered, marks.changed, marks.left]).toEqual([1, 1, 1]);
  });

  it("keep a row that left behind the row it followed", () => {
    expect(picture(after(after(noRowMarks, [one, two, three], 0), [three, one], 10))).toEqual(["3", "1", "2 left"]);
  });

  it("put new rows on top and leave the others in place, where the query has no order", () => {
    const marks = unordered(unordered(noRowMarks, [one], 0), [two, one], 1);
    expect(picture(marks)).toEqual(["2 entered", "1"]);
    expect(picture(unordered(marks, [one, two, three], 2))).toEqual(["3 entered", "2 entered", "1"]);
  });

  it("end after their lifetime, and not before", () => {
    const marks = after(after(noRowMarks, [one, two], 0), [one, three], 100);
    expect(nextMarkEnd(marks)).toBe(100 + markLifetime);
    expect(withoutOldMarks(marks, 99 + markLifetime)).toBe(marks);
    expect(picture(withoutOldMarks(marks, 100 + markLifetime))).toEqual(["1", "3"]);
    expect(nextMarkEnd(withoutOldMarks(marks, 100 + markLifetime))).toBeNull();
  });

  it("outlive the next change, which neither counts nor marks them again", () => {
    const marks = after(after(after(noRowMarks, [one, two], 0), [one], 100), [one, three], 200);
    expect(picture(marks)).toEqual(["1", "2 left", "3 entered"]);
    expect(marks.left).toBe(1);
    expect(nextMarkEnd(marks)).toBe(100 + markLifetime);
  });

  it("mark a row that comes back as entered", () => {
    expect(picture(after(after(after(noRowMarks, [one], 0), [], 1), [one], 2))).toEqual(["1 entered"]);
  });

  it("give a second change of a cell a new number", () => {
    const first = after(after(noRowMarks, [one], 0), [{ ...one, body: "a" }], 1);
    const second = after(first, [{ ...one, body: "b" }], 2);
    expect(second.shown[0]!.mark!.columns.get("body")).not.toBe(first.shown[0]!.mark!.columns.get("body"));
  });

  it("see no change in an equal json value", () => {
    const marks = after(after(noRowMarks, [{ id: 1, data: { a: [1] } }], 0), [{ id: 1, data: { a: [1] } }], 1);
    expect(picture(marks)).toEqual(["1"]);
    expect(marks.changed).toBe(0);
  });
});
