/** The reason why a pending change was rolled back. */
export type RollbackCode =
  /** The backend refused it. */
  | "rejected"
  /** It was not confirmed in time. */
  | "timeout"
  | "cancelled"
  /** Writing or applying it failed. */
  | "failed"
  /** The model or the mutations were closed. */
  | "closed";

/** A pending change has been rolled back, and is no longer shown. */
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
