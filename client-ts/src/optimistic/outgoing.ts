import { backoffMilliseconds } from "../backoff.js";
import type { Clock } from "../clock.js";
import { WriteRefused, type Entry, type Send } from "./mutation.js";

/** A write without an answer within this time is sent again. */
const sendMilliseconds = 30_000;

/** Sends stored mutations: in order, one at a time, and again until the backend takes or refuses them. */
export class Outgoing {
  private readonly queue: Entry[] = [];
  private isRunning = false;
  private isClosed = false;
  private wakeUp = (): void => {};

  constructor(
    private readonly send: Send,
    private readonly clock: Clock,
    private readonly sent: (entry: Entry) => void,
    private readonly refused: (entry: Entry, cause: unknown) => void,
    /** Called when sending failed; true to try again. */
    private readonly isWorthRetrying: (entry: Entry, cause: unknown) => boolean,
  ) {
    globalThis.addEventListener?.("online", this.retry);
  }

  add(entry: Entry): void {
    this.queue.push(entry);
    this.queue.sort((left, right) => left.number - right.number);
    if (!this.isRunning) void this.run();
  }

  /** Ends the wait before the next try. */
  readonly retry = (): void => this.wakeUp();

  close(): void {
    this.isClosed = true;
    this.queue.length = 0;
    globalThis.removeEventListener?.("online", this.retry);
    this.wakeUp();
  }

  private async run(): Promise<void> {
    this.isRunning = true;
    let attempt = 0;
    for (let entry = this.queue[0]; entry !== undefined; entry = this.queue[0]) {
      try {
        if (!entry.isCompleted && entry.cut === null) await this.sendOnce(entry);
        if (!entry.isCompleted && !this.isClosed) this.sent(entry);
      } catch (cause) {
        if (this.isClosed) break;
        if (cause instanceof WriteRefused) {
          this.refused(entry, cause);
        } else if (this.isWorthRetrying(entry, cause)) {
          await this.pause(backoffMilliseconds({ initialMilliseconds: 1_000 }, attempt++, this.clock.random()));
          continue;
        }
      }
      attempt = 0;
      const at = this.queue.indexOf(entry);
      if (at >= 0) this.queue.splice(at, 1);
    }
    this.isRunning = false;
  }

  private async sendOnce(entry: Entry): Promise<void> {
    const abort = new AbortController();
    let stop = (): void => {};
    const late = new Promise<never>((_resolve, reject) => {
      stop = this.clock.after(sendMilliseconds, () => {
        const error = new Error("the write had no answer in time");
        abort.abort(error);
        reject(error);
      });
    });
    // The backend may have written it even when its answer is lost.
    entry.isAsked = true;
    try {
      await Promise.race([this.send(entry.mutation, abort.signal), late]);
    } finally {
      stop();
    }
  }

  private pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.clock.after(milliseconds, resolve);
      this.wakeUp = () => {
        stop();
        resolve();
      };
    });
  }
}
