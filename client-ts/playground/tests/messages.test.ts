import { expect, it } from "vitest";
import type { ChannelItem } from "@syncengine/client";
import { append, insertInto, maximumMessages, emptyLog } from "../src/outbox/messages.ts";

const message = (id: number): ChannelItem => ({ type: "message", channel: "room:1", message: { id: String(id), name: "said", data: "null", encoding: "json" } });
const after = (...items: readonly ChannelItem[]) => items.reduce(append, emptyLog);

it("keeps the newest messages first, and so many", () => {
  const log = after(...Array.from({ length: maximumMessages + 5 }, (_, index) => message(index + 1)));
  expect([log.messages.length, log.messages[0]!.id, log.messages.at(-1)!.id]).toEqual([maximumMessages, String(maximumMessages + 5), "6"]);
  expect(log.from).toBe(String(maximumMessages + 5));
});

it("resumes after the last message, or at the id that the hub sends for an empty channel", () => {
  expect(after(message(7), { type: "live", id: "9" })).toMatchObject({ from: "9", status: "live" });
  expect(after(message(7), { type: "live", id: null })).toMatchObject({ from: "7", status: "live" });
});

it("reports a gap, and shows the messages after it once", () => {
  expect(after(message(7), { type: "reset", code: "must_refetch" }, message(9))).toMatchObject({ hasGap: true, messages: [{ id: "9" }] });
});

it("shows why it has ended, and the hint", () => {
  expect(after({ type: "error", code: "permission_denied", message: "not yours", hint: "Ask for it." })).toMatchObject({ status: "ended", error: "not yours. Ask for it." });
});

it("writes the channel as a literal of SQL", () => {
  expect(insertInto("o'brien")).toContain("'o''brien'");
});
