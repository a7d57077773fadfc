import type { Clock } from "./clock.js";
import type { ErrorBody, Json, SubscribeAnswer } from "./protocol.js";
import { encodeQuery, type Query } from "./query.js";
import { SyncError } from "./syncError.js";

/** Without an answer within this time the engine counts as not reached. */
const requestTimeoutMilliseconds = 30_000;

/** The HTTP endpoints of the engine. Every error is a SyncError. */
export class Http {
  constructor(
    private readonly url: string,
    private readonly token: () => Promise<string>,
    private readonly fetch: typeof globalThis.fetch,
    private readonly clock: Clock,
  ) {}

  async subscribe(query: Query): Promise<SubscribeAnswer> {
    return (await this.request("POST", "/subscribe", encodeQuery(query))) as SubscribeAnswer;
  }

  async unsubscribe(subscriptionId: string): Promise<void> {
    await this.request("DELETE", `/subscribe/${encodeURIComponent(subscriptionId)}`);
  }

  /** The plan in full: the relations watched, the role, and the SQL that PostgreSQL runs. */
  explain(query: Query): Promise<unknown> {
    return this.request("POST", "/explain", encodeQuery(query));
  }

  schema(): Promise<unknown> {
    return this.request("GET", "/schema");
  }

  private async request(method: string, path: string, body?: string): Promise<unknown> {
    const headers: Record<string, string> = { Accept: "application/json, application/problem+json" };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const token = await this.token();
    if (token !== "") headers["Authorization"] = `Bearer ${token}`;

    const abort = new AbortController();
    const stopTimer = this.clock.after(requestTimeoutMilliseconds, () => abort.abort(new Error("no answer in time")));
    try {
      const response = await this.fetch(`${this.url}${path}`, { method, headers, signal: abort.signal, ...(body === undefined ? {} : { body }) });
      const text = await response.text();
      if (!response.ok) throw problem(response, text);
      return text === "" ? null : (JSON.parse(text) as Json);
    } catch (cause) {
      throw cause instanceof SyncError ? cause : SyncError.network(cause);
    } finally {
      stopTimer();
    }
  }
}

/** RFC 9457 problem details as a SyncError. An answer of a proxy without them is judged by its status. */
function problem(response: Response, text: string): SyncError {
  const retryAfterSeconds = Number(response.headers.get("Retry-After") ?? Number.NaN);
  const options = { retryAfterMilliseconds: Number.isFinite(retryAfterSeconds) ? retryAfterSeconds * 1000 : undefined };
  const details = parseObject(text);
  if (typeof details?.["code"] === "string") {
    const { title, message, ...members } = details as unknown as ErrorBody & { title?: string };
    const said = message ?? title;
    return new SyncError(said === undefined ? members : { ...members, message: said }, options);
  }
  return new SyncError({ code: codeOf(response.status), message: `the answer was ${response.status} ${response.statusText}`.trimEnd() }, options);
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" ? (value as Record<string, unknown> | null) : null;
  } catch {
    return null;
  }
}

function codeOf(status: number): string {
  switch (status) {
    case 401:
      return "unauthenticated";
    case 403:
      return "permission_denied";
    case 429:
      return "rate_limited";
    case 502:
    case 503:
    case 504:
      return "source_unavailable";
    default:
      return status >= 500 ? "internal" : "invalid_request";
  }
}
