import type { Row } from "./liveQuery.js";
import type { Column, Json, ResultShape, WireRow } from "./protocol.js";
import { SyncError } from "./syncError.js";
import { areEqual, decoderOf, type Decoder, type Decoding } from "./values.js";

/** The lists of one diff, complete. */
export interface RowDiff {
  readonly added: readonly WireRow[];
  readonly updated: readonly WireRow[];
  readonly removed: readonly WireRow[];
  /** Final indexes beside `added` and `updated`; empty when the result is not ordered. */
  readonly addedAt: readonly number[];
  readonly updatedAt: readonly number[];
}

/** The keys of a diff, as texts. */
export interface ChangedKeys {
  readonly added: readonly string[];
  readonly updated: readonly string[];
  readonly removed: readonly string[];
}

const rowKeys = new WeakMap<object, string>();

/** The text of a row's key; undefined for an object that no store has made. */
export function keyOfRow(row: object): string | undefined {
  return rowKeys.get(row);
}

/**
 * The rows of one result, by key. Frames are applied to it.
 * A row that arrives again with equal values stays the same object. `rows` stays the same array when no row changed.
 */
export class RowStore {
  readonly columns: readonly Column[];
  private readonly visible: readonly { readonly name: string; readonly index: number; readonly decode: Decoder }[];
  private readonly keyIndexes: readonly number[];
  private byKey = new Map<string, Row>();
  /** Keys in the order of the result; null when it has none, and rows are in the order of arrival. */
  private order: string[] | null;
  private shown: readonly Row[] | null = [];

  constructor(
    readonly shape: ResultShape,
    decoding: Decoding,
  ) {
    this.columns = shape.columns.filter((column) => column.hidden !== true);
    this.visible = shape.columns.flatMap((column, index) => (column.hidden === true ? [] : [{ name: column.name, index, decode: decoderOf(column, decoding) }]));
    this.keyIndexes = shape.key.map((name) => shape.columns.findIndex((column) => column.name === name));
    if (this.keyIndexes.includes(-1)) {
      throw new SyncError({ code: "internal", message: `the key (${shape.key.join(", ")}) names a column that the result does not have` });
    }
    this.order = shape.ordered ? [] : null;
  }

  get rows(): readonly Row[] {
    this.shown ??= this.order === null ? [...this.byKey.values()] : this.order.map((key) => this.byKey.get(key)!);
    return this.shown;
  }

  /** Replaces all rows by a snapshot's. */
  install(chunks: readonly (readonly WireRow[])[]): void {
    const before = this.rows;
    const known = this.byKey;
    this.byKey = new Map();
    for (const chunk of chunks) {
      for (const wire of chunk) {
        const key = this.keyOfWire(wire);
        this.byKey.set(key, this.rowOf(key, wire, known.get(key)));
      }
    }
    if (this.order !== null) this.order = [...this.byKey.keys()];
    this.shown = null;
    const after = this.rows;
    if (after.length === before.length && after.every((row, index) => row === before[index])) this.shown = before;
  }

  apply(diff: RowDiff): ChangedKeys {
    const removed = diff.removed.map(keyText);
    const added = diff.added.map((wire) => this.keyOfWire(wire));
    const updated = diff.updated.map((wire) => this.keyOfWire(wire));

    for (const key of removed) this.byKey.delete(key);
    added.forEach((key, index) => this.put(key, diff.added[index]!));
    updated.forEach((key, index) => this.put(key, diff.updated[index]!));

    if (this.order !== null) {
      const placed = [...added.map((key, index) => ({ key, at: diff.addedAt[index]! })), ...updated.map((key, index) => ({ key, at: diff.updatedAt[index]! }))];
      this.order = reorder(this.order, new Set(removed), placed);
    }
    this.shown = null;
    return { added, updated, removed };
  }

  private put(key: string, wire: WireRow): void {
    this.byKey.set(key, this.rowOf(key, wire, this.byKey.get(key)));
  }

  private rowOf(key: string, wire: WireRow, before: Row | undefined): Row {
    // fromEntries defines members and does not assign them, so a column may be called __proto__.
    const row: Row = Object.fromEntries(
      this.visible.map(({ name, index, decode }) => {
        const value = wire[index] ?? null;
        return [name, decode === null ? value : decode(value)];
      }),
    );
    if (before !== undefined && areEqual(before, row)) return before;
    rowKeys.set(row, key);
    return row;
  }

  private keyOfWire(wire: WireRow): string {
    return keyText(this.keyIndexes.map((index) => wire[index] ?? null));
  }
}

function keyText(values: readonly Json[]): string {
  return JSON.stringify(values);
}

/** Takes the removed and the placed keys out, then inserts the placed ones in ascending order of their final index. */
function reorder(order: readonly string[], removed: ReadonlySet<string>, placed: { readonly key: string; readonly at: number }[]): string[] {
  const isPlaced = new Set(placed.map(({ key }) => key));
  const rest = order.filter((key) => !removed.has(key) && !isPlaced.has(key));
  placed.sort((left, right) => left.at - right.at);

  const result: string[] = [];
  let next = 0;
  for (const { key, at } of placed) {
    while (result.length < at && next < rest.length) result.push(rest[next++]!);
    result.push(key);
  }
  while (next < rest.length) result.push(rest[next++]!);
  return result;
}
