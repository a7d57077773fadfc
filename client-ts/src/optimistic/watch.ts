import type { WriteOutcome } from "../client.js";
import type { Clock } from "../clock.js";
import { hubError } from "../syncError.js";
import type { Entry } from "./mutation.js";

/** Longest time of one call. The hub serves few calls of a connection at once, so the mutations take turns. */
const turnMilliseconds = 500;

/** Asks the hub for the outcome of mutations, one at a time, while there are any and the connection is open. */
export class Watch {
  private isOpen = false;
  private isRunning = false;

  constructor(
    private readonly awaitWrite: (id: string, milliseconds: number) => Promise<WriteOutcome>,
    private readonly clock: Clock,
    private readonly unanswered: () => readonly Entry[],
    private readonly answered: (entry: Entry, outcome: WriteOutcome) => void,
  ) {}

  /** Set when the connection is opened or lost. */
  set isConnected(value: boolean) {
    this.isOpen = value;
    this.wake();
  }

  get isConnected(): boolean {
    return this.isOpen;
  }

  /** Starts asking, when there is anything to ask. */
  wake(): void {
    if (!this.isRunning) void this.run();
  }

  /** The outcome as far as it is known; null when the hub could not be asked. */
  async ask(entry: Entry, milliseconds = 0): Promise<WriteOutcome | null> {
    try {
      const outcome = await this.awaitWrite(entry.mutation.mutationId, milliseconds);
      this.answered(entry, outcome);
      return outcome;
    } catch (cause) {
      return hubError(cause).code === "network_error" ? null : { status: "timeout" };
    }
  }

  private async run(): Promise<void> {
    this.isRunning = true;
    for (let turn = 0; this.isOpen; turn++) {
      const entries = this.unanswered();
      if (entries.length === 0) break;
      const began = this.clock.now();
      const outcome = await this.ask(entries[turn % entries.length]!, turnMilliseconds);
      if (outcome === null) break;
      // A refusal comes at once. Without a pause the calls would never stop.
      if (outcome.status === "timeout" && this.clock.now() - began < turnMilliseconds / 2) await new Promise<void>((resolve) => this.clock.after(turnMilliseconds, resolve));
    }
    this.isRunning = false;
  }
}
