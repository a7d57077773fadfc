/** Something whose listeners want to know of changes. */
export interface Publisher {
  /** Makes the new state visible. */
  publish(): void;
  /** Tells the listeners. */
  notify(): void;
}

/**
 * Tells of changes when they are all made: first every changed publisher shows its new state, then listeners are called,
 * so that whoever is called sees all of them as of the same moment.
 */
export class Bulletin {
  private readonly changed = new Set<Publisher>();
  private readonly afterwards: (() => void)[] = [];
  private depth = 0;

  /** Makes changes; the outermost call tells of them. */
  update(change: () => void): void {
    this.depth++;
    try {
      change();
    } finally {
      if (--this.depth === 0) this.tell();
    }
  }

  /** Within `update`: this one has changed. */
  mark(publisher: Publisher): void {
    this.changed.add(publisher);
  }

  /** Within `update`: to be done when the listeners have been called. */
  after(action: () => void): void {
    this.afterwards.push(action);
  }

  private tell(): void {
    const changed = [...this.changed];
    const afterwards = this.afterwards.splice(0);
    this.changed.clear();
    for (const publisher of changed) publisher.publish();
    for (const publisher of changed) publisher.notify();
    for (const action of afterwards) action();
  }
}

/** Calls every listener. One that throws is reported as an uncaught error, and the others are called all the same. */
export function callAll<Arguments extends unknown[]>(listeners: Iterable<{ readonly call: (...values: Arguments) => void }>, ...values: Arguments): void {
  for (const listener of [...listeners]) {
    try {
      listener.call(...values);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
