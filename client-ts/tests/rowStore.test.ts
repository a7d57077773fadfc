import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DiffFrame, Json, SnapshotFrame, SubscribeAnswer, WireRow } from "../src/protocol.js";
import { keyOfRow, RowStore, type RowDiff } from "../src/rowStore.js";
import { bodySample, column, messages, sample } from "./support/frames.js";

const none: RowDiff = { added: [], updated: [], removed: [], addedAt: [], updatedAt: [] };

describe("the samples of the protocol", () => {
  it("lead to the rows that they describe", () => {
    const store = new RowStore(bodySample<SubscribeAnswer>("subscribe-answer"), {});
    store.install([sample<SnapshotFrame>("snapshot").rows!]);
    expect(store.rows).toEqual([{ id: "1", body: "hi" }, { id: "2", body: "yo" }]);
    expect(store.apply({ ...none, ...(sample<DiffFrame>("diff") as unknown as RowDiff) })).toEqual({ added: ['["3"]'], updated: ['["1"]'], removed: ['["2"]'] });
    expect(store.rows).toEqual([{ id: "1", body: "hi!" }, { id: "3", body: "hey" }]);
  });

  it("put ordered rows at their indexes", () => {
    const store = new RowStore({ ...messages, ordered: true }, {});
    store.install([sample<SnapshotFrame>("snapshot").rows!]);
    store.apply({ ...none, ...(sample<DiffFrame>("diff-ordered") as unknown as RowDiff) });
    expect(store.rows).toEqual([{ id: "3", body: "hey" }, { id: "1", body: "hi!" }]);
  });
});

describe("identity", () => {
  const filled = (): RowStore => {
    const store = new RowStore(messages, {});
    store.install([[["1", "one"], ["2", "two"]]]);
    return store;
  };

  it("is kept by rows that a diff does not name", () => {
    const store = filled();
    const [first, second] = store.rows;
    const before = store.rows;
    store.apply({ ...none, updated: [["2", "TWO"]] });
    expect(store.rows).not.toBe(before);
    expect(store.rows[0]).toBe(first);
    expect(store.rows[1]).not.toBe(second);
    expect(before).toEqual([{ id: "1", body: "one" }, { id: "2", body: "two" }]);
  });

  it("is kept by an ordered row that only moved", () => {
    const store = new RowStore({ ...messages, ordered: true }, {});
    store.install([[["1", "one"], ["2", "two"]]]);
    const [first] = store.rows;
    store.apply({ ...none, updated: [["1", "one"]], updatedAt: [1] });
    expect(store.rows.map((row) => row["id"])).toEqual(["2", "1"]);
    expect(store.rows[1]).toBe(first);
  });

  it("is kept by rows that a new snapshot repeats, and by the array when it repeats all", () => {
    const store = filled();
    const before = store.rows;
    store.install([[["1", "one"]], [["2", "two"]]]);
    expect(store.rows).toBe(before);
    store.install([[["1", "one"], ["3", "three"]]]);
    expect(store.rows[0]).toBe(before[0]);
    expect(store.rows).toHaveLength(2);
  });

  it("is not kept when the snapshot has the same rows in another order", () => {
    const store = new RowStore({ ...messages, ordered: true }, {});
    store.install([[["1", "one"], ["2", "two"]]]);
    store.install([[["2", "two"], ["1", "one"]]]);
    expect(store.rows.map((row) => row["id"])).toEqual(["2", "1"]);
  });
});

describe("columns", () => {
  it("that are hidden identify rows and are not part of them", () => {
    const store = new RowStore({ columns: [column("$row", "text", true), column("n", "int4"), column("n", "int4")], key: ["$row"], ordered: false }, {});
    store.install([[["a:1", 1, 2], ["a:2", 1, 2]]]);
    expect(store.rows).toEqual([{ n: 2 }, { n: 2 }]);
    expect(store.columns.map(({ name }) => name)).toEqual(["n", "n"]);
    expect(keyOfRow(store.rows[1]!)).toBe('["a:2"]');
    store.apply({ ...none, removed: [["a:1"]] });
    expect(store.rows.map(keyOfRow)).toEqual(['["a:2"]']);
  });

  it("may have the name of an object's own machinery", () => {
    const store = new RowStore({ columns: [column("__proto__", "text"), column("constructor", "text")], key: ["__proto__"], ordered: false }, {});
    store.install([[["p", "c"]]]);
    expect(Object.entries(store.rows[0]!)).toEqual([["__proto__", "p"], ["constructor", "c"]]);
    expect(Object.getPrototypeOf(store.rows[0]!)).toBe(Object.prototype);
  });

  it("of a key that the result does not have are refused", () => {
    expect(() => new RowStore({ ...messages, key: ["room"] }, {})).toThrow("the key (room) names a column that the result does not have");
  });

  it("of a key keep number 1 and text 1 apart", () => {
    const store = new RowStore({ columns: [column("v", "jsonb")], key: ["v"], ordered: false }, {});
    store.install([[[1], ["1"], [null], [["1"]]]]);
    expect(store.rows.map((row) => row["v"])).toEqual([1, "1", null, ["1"]]);
  });
});

describe("values", () => {
  const first = (type: string, value: Json, decoding = {}): unknown => {
    const store = new RowStore({ columns: [column("id", "int4"), column("v", type)], key: ["id"], ordered: false }, decoding);
    store.install([[[1, value]]]);
    return store.rows[0]!["v"];
  };

  it("of int8 are text, number or bigint, as the client is configured", () => {
    expect(first("int8", "9007199254740993")).toBe("9007199254740993");
    expect(first("int8", "9007199254740993", { int8: "bigint" })).toBe(9007199254740993n);
    expect(first("int8", "42", { int8: "number" })).toBe(42);
    expect(first("int8", null, { int8: "bigint" })).toBe(null);
  });

  it("of int8 arrays are decoded at every depth", () => {
    expect(first("int8[]", ["1", null, "3"], { int8: "bigint" })).toEqual([1n, null, 3n]);
    expect(first("int8[]", [["1", "2"], ["3", "4"]], { int8: "number" })).toEqual([[1, 2], [3, 4]]);
  });

  it("of numeric are text or number", () => {
    expect(first("numeric", "1.10")).toBe("1.10");
    expect(first("numeric", "1.10", { numeric: "number" })).toBe(1.1);
    expect(first("numeric[]", ["NaN", "-Infinity"], { numeric: "number" })).toEqual([Number.NaN, -Infinity]);
  });

  it("of other types are unchanged, also where they are like numbers", () => {
    expect(first("text", "42", { int8: "bigint", numeric: "number" })).toBe("42");
    expect(first("jsonb", { n: "42" }, { int8: "bigint" })).toEqual({ n: "42" });
    expect(first("public.int8", "42", { int8: "bigint" })).toBe("42");
  });

  it("that are bigints keep a row's identity when they are equal", () => {
    const store = new RowStore({ columns: [column("id", "int8")], key: ["id"], ordered: false }, { int8: "bigint" });
    store.install([[["1"]]]);
    const before = store.rows;
    store.install([[["1"]]]);
    expect(store.rows).toBe(before);
  });
});

describe("any series of diffs", () => {
  // The model is a list of wire rows; a diff is what leads from one list to the next.
  const ids = fc.uniqueArray(fc.integer({ min: 0, max: 12 }), { maxLength: 12 });
  const body = fc.oneof(fc.constant(null), fc.string({ maxLength: 2 }));
  const list = ids.chain((keys) => fc.tuple(...keys.map((key) => body.map((text): WireRow => [String(key), text]))));
  const lists = fc.array(list, { minLength: 1, maxLength: 8 });

  const asObjects = (rows: readonly WireRow[]): unknown[] => rows.map(([id, text]) => ({ id, body: text }));
  const byId = (rows: readonly unknown[]): unknown[] => [...rows].sort((left, right) => Number((left as { id: string }).id) - Number((right as { id: string }).id));

  it("leads to the rows of a model", () => {
    fc.assert(
      fc.property(lists, ([first, ...later]) => {
        const store = new RowStore(messages, {});
        store.install([first!]);
        let before = first!;
        for (const after of later) {
          const old = new Map(before.map((row) => [row[0], row[1]]));
          const now = new Set(after.map((row) => row[0]));
          store.apply({
            ...none,
            added: after.filter((row) => !old.has(row[0]!)),
            updated: after.filter((row) => old.has(row[0]!) && old.get(row[0]!) !== row[1]),
            removed: before.filter((row) => !now.has(row[0]!)).map((row) => [row[0]!]),
          });
          expect(byId(store.rows)).toEqual(byId(asObjects(after)));
          before = after;
        }
      }),
    );
  });

  it("of an ordered result leads to the rows of a model, in its order", () => {
    fc.assert(
      fc.property(lists, fc.infiniteStream(fc.boolean()), ([first, ...later], also) => {
        const store = new RowStore({ ...messages, ordered: true }, {});
        store.install([first!]);
        let before = first!;
        for (const after of later) {
          const old = new Map(before.map((row) => [row[0], row[1]]));
          const now = new Set(after.map((row) => row[0]));
          const at = new Map(after.map((row, index) => [row[0], index]));
          const added = after.filter((row) => !old.has(row[0]!));
          const kept = after.filter((row) => old.has(row[0]!));
          const inPlace = keptInPlace(before, kept);
          // Some rows are sent without need, and the lists are in any order: both are allowed.
          const updated = kept.filter((row) => old.get(row[0]!) !== row[1] || !inPlace.has(row[0]!) || also.next().value!).reverse();
          store.apply({
            added,
            updated,
            removed: before.filter((row) => !now.has(row[0]!)).map((row) => [row[0]!]),
            addedAt: added.map((row) => at.get(row[0]!)!),
            updatedAt: updated.map((row) => at.get(row[0]!)!),
          });
          expect(store.rows).toEqual(asObjects(after));
          before = after;
        }
      }),
    );
  });

  /** Some rows that stand in the same order before and after, found greedily. */
  function keptInPlace(before: readonly WireRow[], kept: readonly WireRow[]): Set<Json> {
    const index = new Map(before.map((row, position) => [row[0], position]));
    const result = new Set<Json>();
    let last = -1;
    for (const row of kept) {
      const position = index.get(row[0]!)!;
      if (position > last) {
        result.add(row[0]!);
        last = position;
      }
    }
    return result;
  }
});
