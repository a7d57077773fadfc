import { SyncClient, type Json } from "@syncengine/client";
import { isObject } from "./json.ts";

/** The address of the engine: the folder that this page was served from. */
export const engineUrl = new URL(".", document.baseURI).href.replace(/\/$/, "");

const tokenSetting = "syncengine.playground.token";

/** The bearer token of the page; empty for none. It lives as long as the browser's tab. */
export const currentToken = (): string => sessionStorage.getItem(tokenSetting) ?? "";

export function changeToken(token: string): void {
  sessionStorage.setItem(tokenSetting, token);
  client.authenticate();
}

/** The one client of the page. It connects when the first query is run. */
export const client = new SyncClient({ url: engineUrl, token: () => currentToken() || null });

/** An answer, as JSON or text. Health answers 503 with a useful body, so a status is no exception here. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Sends a request to the engine. A body makes it a POST. */
export async function request(path: string, { body, signal }: { body?: Json; signal?: AbortSignal } = {}): Promise<Answer> {
  const headers = new Headers({ Accept: "application/json" });
  if (currentToken() !== "") headers.set("Authorization", `Bearer ${currentToken()}`);
  if (body !== undefined) headers.set("Content-Type", "application/json");
  const response = await fetch(`${engineUrl}${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal !== undefined && { signal }),
  });
  const text = await response.text();
  return { status: response.status, body: json(text) ?? text };
}

/** The text of a refusal, in one line. */
export function refusal({ status, body }: Answer): string {
  if (!isObject(body)) return `HTTP ${status}`;
  const { code, title, detail } = body;
  return [code, detail ?? title].filter((part) => typeof part === "string").join(": ") || `HTTP ${status}`;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
