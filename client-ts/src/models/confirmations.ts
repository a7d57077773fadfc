import type { Clock } from "../clock.js";
import { RollbackError } from "../rollbackError.js";

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: RollbackError) => void;
  readonly stopTimer: () => void;
}

/** The promises of confirmations, with their timeouts. */
export class Confirmations {
  private readonly waiting = new Map<string, Waiting>();

  constructor(
    private readonly clock: Clock,
    /** Rolls a pending event back for this reason. */
    private readonly rollBack: (error: RollbackError) => void,
  ) {}

  /** The promise of a confirmation, which rejects when the event is rolled back, and a function that rolls it back. */
  expect(mutationId: string, timeoutMilliseconds: number): [confirmation: Promise<void>, cancel: () => void] {
    let waiting: Waiting;
    const confirmation = new Promise<void>((resolve, reject) => {
      const stopTimer = this.clock.after(timeoutMilliseconds, () => this.rollBack(new RollbackError("timeout", mutationId, "timed out waiting for event confirmation")));
      waiting = { resolve, reject, stopTimer };
      this.waiting.set(mutationId, waiting);
    });
    // A caller that ignores the promise sees the outcome in the data.
    confirmation.catch(() => {});
    const cancel = (): void => {
      if (this.waiting.get(mutationId) === waiting) this.rollBack(new RollbackError("cancelled", mutationId, "optimistic event cancelled"));
    };
    return [confirmation, cancel];
  }

  /** Completes the promise: confirmed, or rolled back. */
  complete(mutationId: string, error: RollbackError | null): void {
    const waiting = this.waiting.get(mutationId);
    if (waiting === undefined) return;
    this.waiting.delete(mutationId);
    waiting.stopTimer();
    if (error === null) waiting.resolve();
    else waiting.reject(error);
  }
}
