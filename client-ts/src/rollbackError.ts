/** Why a pending change was taken back. */
export type RollbackCode =
  /** The backend refused it. */
  | "rejected"
  /** Nobody confirmed it in time. */
  | "timeout"
  | "cancelled"
  /** Writing it failed, or applying it. */
  | "failed"
  /** What it was a change of has ended. */
  | "closed";

/** A pending change that has been taken back: it is seen no more. */
export class RollbackError extends Error {
  constructor(
    readonly code: RollbackCode,
    readonly mutationId: string,
    message: string,
    options: { readonly cause?: unknown } = {},
  ) {
    super(message, options);
    this.name = "RollbackError";
  }
}
