import type { ErrorBody } from "./protocol.js";

/** The reaction that a code asks of the client. */
export type ErrorClass = "fixRequest" | "signIn" | "refetch" | "backOff" | "report";

const classes: Readonly<Record<string, ErrorClass>> = {
  unauthenticated: "signIn",
  token_expired: "signIn",
  permission_denied: "fixRequest",
  adhoc_disabled: "fixRequest",
  unknown_subscription: "refetch",
  must_refetch: "refetch",
  schema_changed: "refetch",
  slow_consumer: "refetch",
  permissions_changed: "refetch",
  rate_limited: "backOff",
  too_many_subscriptions: "backOff",
  result_too_large: "backOff",
  query_timeout: "backOff",
  source_unavailable: "backOff",
  shutting_down: "backOff",
  network_error: "backOff",
  internal: "report",
};

/**
 * An error of the engine. The codes are stable and listed in docs/ERRORS.md.
 * This client adds one: `network_error`, when the engine was not reached.
 */
export class SyncError extends Error {
  readonly code: string;
  readonly detail: string | undefined;
  /** An action that may help. */
  readonly hint: string | undefined;
  readonly sqlstate: string | undefined;
  /** In characters, 1-based, into the query as sent. */
  readonly position: number | undefined;
  /** The wait that the engine asks for before the next try. */
  readonly retryAfterMilliseconds: number | undefined;

  constructor(body: ErrorBody, options: { retryAfterMilliseconds?: number | undefined; cause?: unknown } = {}) {
    super(body.message ?? body.detail ?? body.code, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "SyncError";
    this.code = body.code;
    this.detail = body.detail;
    this.hint = body.hint;
    this.sqlstate = body.sqlstate;
    this.position = body.position;
    this.retryAfterMilliseconds = options.retryAfterMilliseconds;
  }

  /** The class of the code. A code that this version does not know is `fixRequest`. */
  get class(): ErrorClass {
    return classes[this.code] ?? "fixRequest";
  }

  static network(cause: unknown): SyncError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new SyncError({ code: "network_error", message: `the engine was not reached: ${reason}` }, { cause });
  }
}

/**
 * An error of a hub call as a SyncError. The engine sends `code: text`; SignalR puts a sentence and `HubException: ` before it.
 * Any other text is an error of the connection.
 */
export function hubError(cause: unknown): SyncError {
  if (cause instanceof SyncError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  const refusal = /(?:^|HubException: )([a-z][a-z0-9]*(?:_[a-z0-9]+)*): ([\s\S]+)$/.exec(text);
  if (refusal) return new SyncError({ code: refusal[1]!, message: refusal[2]! }, { cause });
  // A refused negotiation or upgrade has only its HTTP status.
  const status = /[Ss]tatus code '?(\d{3})/.exec(text)?.[1];
  if (status === "401") return new SyncError({ code: "unauthenticated", message: text }, { cause });
  if (status === "403") return new SyncError({ code: "permission_denied", message: text }, { cause });
  return SyncError.network(cause);
}
