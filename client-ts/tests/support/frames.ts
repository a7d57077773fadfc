import { readFileSync } from "node:fs";
import type { Column, DiffFrame, Frame, ResultShape, SubscribeAnswer, WireRow } from "../../src/protocol.js";

/** A sample that the engine's own tests read, too. */
export function sample<T = Frame>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../frames/${name}.json`, import.meta.url), "utf8")) as T;
}

export const messages: ResultShape = {
  columns: [
    { name: "id", type: "int8", nullable: false },
    { name: "body", type: "text", nullable: true },
  ],
  key: ["id"],
  ordered: false,
};

export function answer(subscriptionId: string, shape: Partial<ResultShape> = {}): SubscribeAnswer {
  return { subscriptionId, ...messages, ...shape, plan: { mode: "incremental", reason: null } };
}

export function column(name: string, type: string, hidden = false): Column {
  return hidden ? { name, type, nullable: false, hidden } : { name, type, nullable: true };
}

export const snapshot = (sub: string, rows: WireRow[], more = false): Frame => (more ? { type: "snapshot", sub, rows, more } : { type: "snapshot", sub, rows });
export const live = (sub: string, cut: string): Frame => ({ type: "live", sub, cut });
export const cut = (at: string): Frame => ({ type: "cut", cut: at });
export const diff = (sub: string, at: string, lists: Partial<DiffFrame>): Frame => ({ type: "diff", sub, cut: at, ...lists });
