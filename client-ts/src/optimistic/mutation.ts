import type { Cut, Json } from "../protocol.js";
import type { RollbackError } from "../rollbackError.js";

/** A change that somebody wants to make. */
export interface Change {
  /** Made up when it is left out. The application's write hands it to `sync.ack` in its own transaction, or to `sync.reject`. */
  readonly mutationId?: string;
  readonly name: string;
  readonly data?: Json;
}

/** A change that is pending: applied over the rows, and not confirmed yet. */
export interface Mutation {
  readonly mutationId: string;
  readonly name: string;
  readonly data: Json;
  /** When it was made, in milliseconds since 1970. */
  readonly at: number;
}

/** Tells the application's backend of a change. It throws when that failed; what it answers does not matter. */
export type Send = (mutation: Mutation, signal: AbortSignal) => Promise<unknown>;

/** Thrown by a `Send`: the backend does not want this change, so sending it again is of no use. */
export class WriteRefused extends Error {
  constructor(message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.name = "WriteRefused";
  }
}

export interface MutationHandle {
  readonly mutationId: string;
  /** Kept when the rows that are shown hold the change; rejected with a RollbackError when it is taken back. */
  readonly confirmation: Promise<void>;
  /** Takes it back here; what was sent is sent. */
  cancel(): void;
}

/** A mutation on its way. */
export class Entry {
  /** The transaction that made it ended here; null until that is known. */
  cut: Cut | null = null;
  /** The backend may know of it, so that its confirmation is to be asked for. */
  isAsked = false;
  /** Its time runs: a kept one has been taken, any other has begun. */
  isTimed = false;
  isSettled = false;
  stopTimer = (): void => {};
  readonly confirmation: Promise<void>;
  private resolve!: () => void;
  private reject!: (error: RollbackError) => void;

  constructor(
    readonly mutation: Mutation,
    /** Its place among the others. */
    public number: number,
    /** It is in the storage, and is sent again after a reload. */
    readonly isKept: boolean,
  ) {
    this.confirmation = new Promise<void>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // Whoever does not look at it sees it in the rows.
    this.confirmation.catch(() => {});
  }

  get isUnanswered(): boolean {
    return this.isAsked && this.cut === null && !this.isSettled;
  }

  settle(error: RollbackError | null): void {
    this.isSettled = true;
    this.stopTimer();
    if (error === null) this.resolve();
    else this.reject(error);
  }
}

/** A random UUID, also where the page is not served over TLS. */
export function newMutationId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return [...bytes].map((byte, index) => ([4, 6, 8, 10].includes(index) ? "-" : "") + byte.toString(16).padStart(2, "0")).join("");
}

export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
