import type { Clock } from "../clock.js";
import type { CompareIds, SourceMessage } from "./messageSource.js";

/** Messages that wait at most; with more, the first is passed on at once. */
const maximumHeld = 10_000;

interface Held {
  readonly message: SourceMessage;
  readonly stop: () => void;
}

/** Delays each message, so that messages which arrive out of order within the delay are passed on in order, and duplicates once. */
export class SlidingWindow {
  private held: Held[] = [];

  constructor(
    private readonly milliseconds: number,
    private readonly compare: CompareIds,
    private readonly clock: Clock,
    private readonly emit: (messages: readonly SourceMessage[]) => void,
  ) {}

  push(message: SourceMessage): void {
    if (this.milliseconds <= 0) {
      this.emit([message]);
      return;
    }
    let at = this.held.length;
    while (at > 0 && this.compare(this.held[at - 1]!.message.id, message.id) > 0) at--;
    if (at > 0 && this.held[at - 1]!.message.id === message.id) return;
    this.held.splice(at, 0, { message, stop: this.clock.after(this.milliseconds, () => this.release(message)) });
    if (this.held.length > maximumHeld) this.release(this.held[0]!.message);
  }

  /** Drops the waiting messages. */
  clear(): void {
    for (const { stop } of this.held.splice(0)) stop();
  }

  // Messages before an expired one are passed on with it, or they would come too late.
  private release(message: SourceMessage): void {
    const expired = this.held.splice(0, this.held.findIndex((other) => other.message === message) + 1);
    for (const { stop } of expired) stop();
    this.emit(expired.map((other) => other.message));
  }
}
