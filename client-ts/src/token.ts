import { SyncError } from "./syncError.js";

export type TokenOption = string | (() => string | null | undefined | Promise<string | null | undefined>) | undefined;

/** The token as it is now; empty for none. A source that fails is asked again, as an engine that is not reached is. */
export async function readToken(option: TokenOption): Promise<string> {
  if (typeof option !== "function") return option ?? "";
  try {
    return (await option()) ?? "";
  } catch (cause) {
    throw cause instanceof SyncError ? cause : SyncError.network(cause);
  }
}

/** When a JWT expires, in milliseconds since 1970; null for tokens that do not say. The client only plans by it: it is the engine that checks. */
export function tokenExpiry(token: string): number | null {
  const payload = token.split(".")[1];
  if (payload === undefined) return null;
  try {
    const claims: unknown = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
    const expiry = typeof claims === "object" && claims !== null ? (claims as { exp?: unknown }).exp : undefined;
    return typeof expiry === "number" && Number.isFinite(expiry) ? expiry * 1000 : null;
  } catch {
    return null;
  }
}
