import type { Cut, Json } from "../protocol.js";
import type { RollbackError } from "../rollbackError.js";

/** A change to be made. */
export interface Change {
  /** Generated when it is left out. The application's write passes it to `sync.ack` in its own transaction, or to `sync.reject`. */
  readonly mutationId?: string;
  readonly name: string;
  readonly data?: Json;
}

/** A change that is pending: applied over the rows, and not confirmed yet. */
export interface Mutation {
  readonly mutationId: string;
  readonly name: string;
  readonly data: Json;
  /** The time when it was made, in milliseconds since 1970. */
  readonly at: number;
}

/** Sends a change to the application's backend. It throws when that failed; its result is ignored. */
export type Send = (mutation: Mutation, signal: AbortSignal) => Promise<unknown>;

/** Thrown by a `Send` when the backend refuses the change, so that it is not sent again. */
export class WriteRefused extends Error {
  constructor(message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.name = "WriteRefused";
  }
}

export interface MutationHandle {
  readonly mutationId: string;
  /** Resolves when the shown rows hold the change; rejects with a RollbackError when it is rolled back. */
  readonly confirmation: Promise<void>;
  /** Rolls it back on this page. A write that was sent is not undone. */
  cancel(): void;
}

/** A mutation and its progress. */
export class Entry {
  /** The cut of its transaction; null until that is known. */
  cut: Cut | null = null;
  /** The backend may have received it, so its confirmation must be asked for. */
  isAsked = false;
  /** Its time runs: a stored one has been sent, any other has begun. */
  isTimed = false;
  isCompleted = false;
  stopTimer = (): void => {};
  readonly confirmation: Promise<void>;
  private resolve!: () => void;
  private reject!: (error: RollbackError) => void;

  constructor(
    readonly mutation: Mutation,
    /** Its position among the others. */
    public number: number,
    /** It is in the storage, and is sent again after a reload. */
    readonly isStored: boolean,
  ) {
    this.confirmation = new Promise<void>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // A caller that ignores the promise sees the outcome in the rows.
    this.confirmation.catch(() => {});
  }

  get isUnanswered(): boolean {
    return this.isAsked && this.cut === null && !this.isCompleted;
  }

  complete(error: RollbackError | null): void {
    this.isCompleted = true;
    this.stopTimer();
    if (error === null) this.resolve();
    else this.reject(error);
  }
}

/** A random UUID. `crypto.randomUUID` exists only on pages served over TLS. */
export function newMutationId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return [...bytes].map((byte, index) => ([4, 6, 8, 10].includes(index) ? "-" : "") + byte.toString(16).padStart(2, "0")).join("");
}

export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
