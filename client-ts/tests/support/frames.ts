import { readdirSync, readFileSync } from "node:fs";
import type { Column, DiffFrame, Frame, ResultShape, SubscribeAnswer, WireRow } from "../../src/protocol.js";

const samples = new URL("../../../docs/protocol/", import.meta.url);

/** A frame of docs/protocol/frames. The engine's own tests write the same bytes. */
export function sample<T = Frame>(name: string): T {
  return read(`frames/${name}.json`) as T;
}

/** A request or an answer of docs/protocol/bodies. The engine's own tests read and write them, too. */
export function bodySample<T>(name: string): T {
  return read(`bodies/${name}.json`) as T;
}

export function sampleNames(folder: "frames" | "bodies"): string[] {
  return readdirSync(new URL(`${folder}/`, samples)).map((file) => file.replace(/\.json$/, "")).sort();
}

function read(path: string): unknown {
  return JSON.parse(readFileSync(new URL(path, samples), "utf8"));
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
