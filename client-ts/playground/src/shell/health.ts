import type { Answer } from "../engine.ts";
import { isObject } from "../json.ts";

/** The answer of GET /health/ready. */
export interface Health {
  readonly state: "ready" | "not ready" | "unreachable";
  readonly version: string | null;
  readonly parts: readonly HealthPart[];
}

/** One configured part of the engine: database, slot, a broker. */
export interface HealthPart {
  readonly name: string;
  readonly status: string;
  readonly about: string;
  /** The detail of its status; empty for none. */
  readonly detail: string;
}

export const unreachable: Health = { state: "unreachable", version: null, parts: [] };

/** Reads the parts from `parts` or `checks`, as an array of named objects or an object by name. */
export function healthOf({ status, body }: Answer): Health {
  const document = isObject(body) ? body : {};
  const listed = document["parts"] ?? document["checks"];
  const entries: [string, unknown][] = Array.isArray(listed)
    ? listed.map((part) => [isObject(part) ? String(part["name"]) : "", part])
    : isObject(listed)
      ? Object.entries(listed)
      : [];
  return {
    state: status === 200 ? "ready" : "not ready",
    version: typeof document["version"] === "string" ? document["version"] : null,
    parts: entries.map(([name, part]) => healthPart(name, part)),
  };
}

function healthPart(name: string, part: unknown): HealthPart {
  if (!isObject(part)) return { name, status: String(part), about: "", detail: "" };
  const { status, name: _, ...others } = part;
  const about = Object.entries(others)
    .filter(([, value]) => value !== null && value !== "" && typeof value !== "object")
    .map(([member, value]) => `${member} ${String(value)}`);
  const detail = typeof others["detail"] === "string" ? others["detail"] : "";
  // Such a part is up for monitoring, because nothing is broken. This page shows that it is off.
  const isOff = detail.startsWith("not configured");
  return { name, status: isOff ? "off" : String(status ?? ""), about: about.join(", "), detail };
}
