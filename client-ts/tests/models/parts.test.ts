import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareIds, SeenIds } from "../../src/models/messageIds.js";
import { messagesAfter, type HistoryPage } from "../../src/models/replay.js";

describe("ids", () => {
  it("are compared as numbers of any length where both are, else as texts", () => {
    expect(compareIds("9", "10")).toBeLessThan(0);
    expect(compareIds("007", "7")).toBe(0);
    expect(compareIds("90071992547409931", "90071992547409930")).toBeGreaterThan(0);
    expect(compareIds("a", "b")).toBeLessThan(0);
    expect(compareIds("10", "9a")).toBeLessThan(0);
  });

  it("are new, known or late", () => {
    const seen = new SeenIds("5", compareIds, 2);
    for (const id of ["7", "9"]) seen.add(id);
    expect(["4", "5", "6", "7", "8", "9", "10"].map((id) => seen.statusOf(id))).toEqual(["known", "known", "late", "known", "late", "known", "new"]);
    seen.add("10");
    // 7 is no longer remembered, so ids below it count as known.
    expect(["6", "7", "8", "9"].map((id) => seen.statusOf(id))).toEqual(["known", "known", "late", "known"]);
  });
});

/** Pages of so many ids, the newest first. */
function pages(ids: readonly number[], size: number): HistoryPage<{ id: string }> {
  const newest = [...ids].reverse();
  const page = (from: number): HistoryPage<{ id: string }> => ({
    items: newest.slice(from, from + size).map((id) => ({ id: String(id) })),
    hasNext: () => from + size < newest.length,
    next: () => Promise.resolve(page(from + size)),
  });
  return page(0);
}

describe("history", () => {
  const after = async (ids: number[], id: number, size = 2): Promise<number[] | null> => (await messagesAfter(pages(ids, size), String(id), compareIds))?.map((each) => Number(each.id)) ?? null;

  it("returns the messages after an id, also when that one is missing", async () => {
    expect(await after([2, 4, 6, 8, 10], 4)).toEqual([6, 8, 10]);
    expect(await after([2, 4, 6, 8, 10], 5)).toEqual([6, 8, 10]);
    expect(await after([2, 4], 9)).toEqual([]);
  });

  it("is out of reach when it begins after the id", async () => {
    expect(await after([6, 8], 5)).toBe(null);
  });

  it("that is empty has no messages, and all of it comes after 0", async () => {
    expect(await after([], 5)).toEqual([]);
    expect(await after([6, 8, 9], 0)).toEqual([6, 8, 9]);
  });

  it("returns the same with pages of any size", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.integer({ min: 1, max: 60 })), fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 10 }), async (unsorted, id, size) => {
        const ids = unsorted.sort((left, right) => left - right);
        const isReached = ids.length === 0 || ids[0]! <= id;
        expect(await after(ids, id, size)).toEqual(isReached ? ids.filter((each) => each > id) : null);
      }),
    );
  });
});
