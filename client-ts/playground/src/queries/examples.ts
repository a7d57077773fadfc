import type { Json } from "@syncengine/client";

/** A query that is one click away. */
export interface Example {
  readonly title: string;
  readonly about: string;
  readonly sql: string;
  readonly values: readonly Json[];
}

/** On the demo schema: rooms, messages, orders, stock. They walk from one table to what Postgres must run again. */
export const examples: readonly Example[] = [
  {
    title: "Messages of a room",
    about: "One table, one equality: matched by an index of subscriptions",
    sql: "SELECT id, author, body, created_at\nFROM messages\nWHERE room_id = $1",
    values: ["1"],
  },
  {
    title: "Latest messages",
    about: "ORDER BY and LIMIT: a window that stays in order",
    sql: "SELECT m.id, r.name AS room, m.author, m.body\nFROM messages m\nJOIN rooms r ON r.id = m.room_id\nORDER BY m.id DESC\nLIMIT 12",
    values: [],
  },
  {
    title: "Orders by status",
    about: "GROUP BY: counts and sums that follow every change",
    sql: "SELECT status, count(*) AS orders, sum(total) AS total\nFROM orders\nGROUP BY status",
    values: [],
  },
  {
    title: "Open orders above",
    about: "Two parameters on one table",
    sql: "SELECT id, customer, status, total\nFROM orders\nWHERE status = $1 AND total >= $2",
    values: ["open", "50"],
  },
  {
    title: "Stock running low",
    about: "A range: rows enter and leave as quantities move",
    sql: "SELECT sku, name, quantity\nFROM stock\nWHERE quantity < $1",
    values: ["20"],
  },
  {
    title: "Rooms and their last word",
    about: "A lateral join, by which the tiers differ: see the plan",
    sql: "SELECT r.id, r.name, last.author, last.body\nFROM rooms r\nLEFT JOIN LATERAL (\n  SELECT author, body FROM messages m\n  WHERE m.room_id = r.id\n  ORDER BY m.id DESC LIMIT 1\n) last ON true",
    values: [],
  },
];
