import type { Merge, OptimisticEvent } from "./events.js";

/** Pending events on top of a confirmed state. */
export interface Rebased<T> {
  readonly optimistic: T;
  readonly pending: readonly OptimisticEvent[];
  /** Events that can no longer be merged, and why; they are no longer pending. */
  readonly failed: readonly { readonly event: OptimisticEvent; readonly cause: unknown }[];
}

/** Applies the pending events in their order. */
export function rebase<T>(merge: Merge<T>, confirmed: T, pending: readonly OptimisticEvent[]): Rebased<T> {
  let optimistic = confirmed;
  const failed: { event: OptimisticEvent; cause: unknown }[] = [];
  for (const event of pending) {
    try {
      optimistic = merge(optimistic, event);
    } catch (cause) {
      failed.push({ event, cause });
    }
  }
  return { optimistic, pending: failed.length === 0 ? pending : pending.filter((event) => failed.every((other) => other.event !== event)), failed };
}
