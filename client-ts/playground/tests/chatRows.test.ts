import { expect, it } from "vitest";
import { applyMessage, type ChatRow } from "../src/optimistic/chatRows.ts";

const rows: readonly ChatRow[] = [{ id: "1", author: "Ada", body: "Hello" }];
const mutation = { mutationId: "m", name: "say", data: "Hi", at: 0 };

it("puts what was said before the rows, which have the newest first", () => {
  expect(applyMessage(rows, mutation)).toEqual([{ id: "m", author: "You", body: "Hi", mutationId: "m" }, rows[0]]);
});

it("leaves the rows alone for other changes", () => {
  expect(applyMessage(rows, { ...mutation, name: "other" })).toBe(rows);
});
