import { SyncError } from "./syncError.js";

export type TokenOption = string | (() => string | null | undefined | Promise<string | null | undefined>) | undefined;

/** The present token; empty for none. A source that fails is tried again, like an engine that is not reached. */
export async function readToken(option: TokenOption): Promise<string> {
  if (typeof option !== "function") return option ?? "";
  try {
    return (await option()) ?? "";
  } catch (cause) {
    throw cause instanceof SyncError ? cause : SyncError.network(cause);
  }
}

/** The expiry of a JWT in milliseconds since 1970; null without one. The client renews the token by it; the engine checks it. */
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
