/** A store with listeners. */
export interface Publisher {
  /** Makes the new state visible. */
  publish(): void;
  /** Calls the listeners. */
  notify(): void;
}

/**
 * Reports changes when all of them are made. First every changed publisher shows its new state, then listeners are called.
 * A listener therefore sees all publishers at the same moment.
 */
export class ChangeNotifier {
  private readonly changed = new Set<Publisher>();
  private readonly afterwards: (() => void)[] = [];
  private depth = 0;

  /** Makes changes; the outermost call reports them. */
  update(change: () => void): void {
    this.depth++;
    try {
      change();
    } finally {
      if (--this.depth === 0) this.publish();
    }
  }

  /** Within `update`: marks a publisher as changed. */
  mark(publisher: Publisher): void {
    this.changed.add(publisher);
  }

  /** Within `update`: runs an action after the listeners have been called. */
  after(action: () => void): void {
    this.afterwards.push(action);
  }

  private publish(): void {
    const changed = [...this.changed];
    const afterwards = this.afterwards.splice(0);
    this.changed.clear();
    for (const publisher of changed) publisher.publish();
    for (const publisher of changed) publisher.notify();
    for (const action of afterwards) action();
  }
}

/** Calls every listener. An error of one is reported as uncaught, and the others are called nevertheless. */
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
