import type { Json } from "@syncengine/client";
import type { request } from "../engine.ts";
import { isObject } from "../json.ts";

/** A query that is one click away. */
export interface Example {
  readonly title: string;
  readonly about: string;
  readonly sql: string;
  readonly values: readonly Json[];
}

/** Examples on the demo schema: rooms, messages, orders, stock. The first run inside the engine, the last are run by PostgreSQL. */
const onDemo: readonly Example[] = [
  {
    title: "Messages of a room",
    about: "One table, one equality: matched by an index of subscriptions",
    sql: "SELECT id, author, body, created_at\nFROM messages\nWHERE room_id = $1",
    values: ["1"],
  },
  {
    title: "Latest messages",
    about: "ORDER BY and LIMIT: a window that stays in order",
    sql: "SELECT id, room_id, author, body\nFROM messages\nORDER BY id DESC\nLIMIT 12",
    values: [],
  },
  {
    title: "Orders by status",
    about: "GROUP BY: counts and sums that follow every change",
    sql: "SELECT status, count(*) AS orders, sum(total) AS total\nFROM orders\nGROUP BY status\nORDER BY status",
    values: [],
  },
  {
    title: "Paid orders above",
    about: "Two parameters on one table",
    sql: "SELECT id, customer, status, total\nFROM orders\nWHERE status = $1 AND total >= $2",
    values: ["paid", "50"],
  },
  {
    title: "Stock running low",
    about: "A range: rows enter and leave as quantities move",
    sql: "SELECT sku, name, quantity\nFROM stock\nWHERE quantity < $1",
    values: ["20"],
  },
  {
    title: "Rooms and their last message",
    about: "A lateral join: see its plan",
    sql: "SELECT r.id, r.name, last.author, last.body\nFROM rooms r\nLEFT JOIN LATERAL (\n  SELECT author, body FROM messages m\n  WHERE m.room_id = r.id\n  ORDER BY m.id DESC LIMIT 1\n) last ON true",
    values: [],
  },
];

const relationsShown = 5;

/** The examples of this database; empty before `chooseExamples`. */
export let examples: readonly Example[] = [];

/** Chooses the demo's examples on the demo, elsewhere the newest rows of a few readable tables. */
export async function chooseExamples(ask: typeof request): Promise<void> {
  try {
    const signal = AbortSignal.timeout(2_000);
    const demo = await ask("/demo/changes", { signal });
    if (isObject(demo.body) && demo.body["available"] === true) examples = onDemo;
    else examples = onTables((await ask("/schema", { signal })).body);
  } catch {
    // The status bar shows that the engine cannot be reached.
    examples = onDemo;
  }
}

/** Examples from the answer of `GET /schema`: live tables with a primary key. */
export function onTables(schema: unknown): readonly Example[] {
  const relations = isObject(schema) && Array.isArray(schema["relations"]) ? schema["relations"].filter(isObject) : [];
  return relations
    .filter((relation) => relation["live"] === true && Array.isArray(relation["primaryKey"]) && relation["primaryKey"].length > 0)
    .slice(0, relationsShown)
    .map((relation) => {
      const name = `${quoted(relation["schema"])}.${quoted(relation["name"])}`;
      const order = (relation["primaryKey"] as unknown[]).map((column) => `${quoted(column)} DESC`).join(", ");
      return { title: String(relation["name"]), about: `The last rows of ${name}`, sql: `SELECT *\nFROM ${name}\nORDER BY ${order}\nLIMIT 20`, values: [] };
    });
}

const quoted = (name: unknown): string => (/^[a-z_][a-z0-9_]*$/.test(String(name)) ? String(name) : `"${String(name).replaceAll('"', '""')}"`);
