import { beginning, maximumReplayed, type CompareIds } from "./messageSource.js";

/** A page of history, the newest message first. */
export interface HistoryPage<M> {
  readonly items: readonly M[];
  hasNext(): boolean;
  next(): Promise<HistoryPage<M> | null>;
}

/**
 * The messages of history after an id, the oldest first. Pages are read backwards until the id, or one before it, is found.
 * Null when it is not found: messages right after it may have expired. An empty history has no messages.
 */
export async function messagesAfter<M extends { readonly id?: string | undefined }>(
  first: HistoryPage<M>,
  after: string,
  compare: CompareIds,
): Promise<readonly M[] | null> {
  const found: M[] = [];
  for (let page: HistoryPage<M> | null = first; page !== null; page = page.hasNext() ? await page.next() : null) {
    for (const message of page.items) {
      if (message.id === undefined) continue;
      if (after !== beginning && compare(message.id, after) <= 0) return found.reverse();
      found.push(message);
      if (found.length > maximumReplayed) return null;
    }
  }
  return after === beginning || found.length === 0 ? found.reverse() : null;
}
