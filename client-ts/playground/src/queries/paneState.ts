import type { Json } from "@syncengine/client";
import { isObject } from "../json.ts";
import { parameterOf, parameterValues, type Parameter } from "./parameters.ts";
import { parameterCount } from "./sqlTokens.ts";

/** The state of a pane: its text and the query that was last run. */
export interface PaneState {
  readonly id: number;
  readonly sql: string;
  readonly parameters: readonly Parameter[];
  readonly run: RunQuery | null;
}

/** A query that was run. Running it again makes a new object, also for the same text. */
export interface RunQuery {
  readonly sql: string;
  readonly values: readonly Json[];
}

/** The panes in a URL hash: `#/queries?q=…&p=[…]&q=…`, one `q` per pane, `p` after it when it has parameters. */
export function hashOf(panes: readonly PaneState[]): string {
  const search = new URLSearchParams();
  for (const pane of panes) {
    search.append("q", pane.sql);
    const count = parameterCount(pane.sql);
    if (count > 0) search.append("p", JSON.stringify(savedValues(pane.parameters, count)));
  }
  return search.toString();
}

/** The panes of a hash; null for none. Malformed parts are left out. */
export function panesOf(search: string): Pick<PaneState, "sql" | "parameters">[] | null {
  const panes: { sql: string; parameters: readonly Parameter[] }[] = [];
  for (const [name, value] of new URLSearchParams(search)) {
    const last = panes.at(-1);
    if (name === "q") panes.push({ sql: value, parameters: [] });
    else if (name === "p" && last !== undefined) last.parameters = savedParameters(value);
  }
  return panes.length > 0 ? panes : null;
}

// JSON that does not parse yet is saved as the object {"json": text}.
function savedValues(parameters: readonly Parameter[], count: number): Json[] {
  return Array.from({ length: count }, (_, index) => {
    const parameter = parameters[index];
    if (parameter === undefined) return "";
    try {
      const value = parameterValues([parameter], 1)[0]!;
      return parameter.form === "json" && (value === null || typeof value === "string") ? { json: parameter.text } : value;
    } catch {
      return { json: parameter.text };
    }
  });
}

function savedParameters(text: string): Parameter[] {
  try {
    const values: unknown = JSON.parse(text);
    if (!Array.isArray(values)) return [];
    return (values as Json[]).map((value) =>
      isObject(value) && Object.keys(value).length === 1 && typeof value["json"] === "string"
        ? { form: "json", text: value["json"] }
        : parameterOf(value),
    );
  } catch {
    return [];
  }
}
