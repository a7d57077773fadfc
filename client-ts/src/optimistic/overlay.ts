import type { Mutation } from "./mutation.js";

/** Returns the rows with a mutation's change in them. It must be pure: it is called again after every change of rows or mutations. */
export type Apply<R> = (rows: readonly R[], mutation: Mutation) => readonly R[];

export interface Overlaid<R> {
  readonly rows: readonly R[];
  readonly failed: readonly { readonly mutation: Mutation; readonly cause: unknown }[];
}

const keys = new WeakMap<object, string | object>();

/** Applies the mutations to the rows, in order. A mutation whose `apply` throws changes nothing. */
export function overlay<R>(rows: readonly R[], mutations: readonly Mutation[], apply: Apply<R>): Overlaid<R> {
  const failed: { mutation: Mutation; cause: unknown }[] = [];
  let shown = rows;
  for (const mutation of mutations) {
    try {
      const next = apply(shown, mutation);
      if (next !== shown) nameNewRows(shown, next, mutation);
      shown = next;
    } catch (cause) {
      failed.push({ mutation, cause });
    }
  }
  return { rows: shown, failed };
}

/** The key of a row that a mutation made, or the row that it replaces; undefined for other rows. */
export function overlayKey(row: object): string | object | undefined {
  return keys.get(row);
}

// A row at another row's place is that row, changed. Any other new row is named by its mutation, so its name is the same when it is made again.
function nameNewRows<R>(before: readonly R[], after: readonly R[], mutation: Mutation): void {
  const known = new Set<unknown>(before);
  const remaining = new Set<unknown>(after);
  let count = 0;
  after.forEach((row, index) => {
    if (known.has(row) || typeof row !== "object" || row === null) return;
    const place: unknown = before[index];
    const isChange = after.length === before.length && typeof place === "object" && place !== null && !remaining.has(place);
    keys.set(row, isChange ? (place as object) : `${mutation.mutationId}:${count++}`);
  });
}
