import { createContext, use } from "react";
import type { SyncClient } from "@syncengine/client";
import { isObject, type Json } from "./json.ts";

/** Where the engine is: the folder that this page was served from. */
export const engineUrl = new URL(".", document.baseURI).href.replace(/\/$/, "");

/** The engine as the page meets it: the live client, and plain requests that carry the same token. */
export interface Engine {
  readonly client: SyncClient;
  readonly request: (path: string, options?: { body?: Json; signal?: AbortSignal }) => Promise<Answer>;
}

/** Any answer that is JSON. Health answers 503 with a body worth reading, so a status is not an exception here. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export const EngineContext = createContext<Engine | null>(null);

export function useEngine(): Engine {
  const engine = use(EngineContext);
  if (engine === null) throw new Error("no EngineContext above");
  return engine;
}

/** Requests with a token, or without one for an engine that asks for none. A body makes it a POST. */
export function requester(token: string): Engine["request"] {
  return async (path, { body, signal } = {}) => {
    const headers = new Headers({ Accept: "application/json" });
    if (token !== "") headers.set("Authorization", `Bearer ${token}`);
    if (body !== undefined) headers.set("Content-Type", "application/json");
    const response = await fetch(`${engineUrl}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal !== undefined && { signal }),
    });
    const text = await response.text();
    return { status: response.status, body: json(text) ?? text };
  };
}

/** What a refusal said, in one line. */
export function refusal(answer: Answer): string {
  if (!isObject(answer.body)) return `HTTP ${answer.status}`;
  const { code, title, detail } = answer.body;
  return [code, detail ?? title].filter((part) => typeof part === "string").join(": ") || `HTTP ${answer.status}`;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
