import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openBrowser, openPlayground, picture, type Browser, type Playground } from "./browser.ts";
import { sql } from "./database.ts";

/** What a list showed after one change of the page: texts, with a question mark behind the pending. */
type Seen = readonly string[];

let browser: Browser;
let opened: Playground;
let page: Page;
/** Distinguishes these messages from all others in the lobby. */
let mark: string;
let count = 0;

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());
beforeEach(async () => {
  mark = `e2e ${process.pid}-${++count}`;
  opened = await openPlayground(browser);
  page = opened.page;
  await page.getByRole("tab", { name: "Optimistic" }).click();
  await page.getByRole("list", { name: "Messages" }).and(page.locator('[aria-busy="false"]')).waitFor();
  await page.evaluate((own) => {
    const list = document.querySelector('ol[aria-label="Messages"]')!;
    const seen: string[][] = [];
    const check = () => {
      const texts = [...list.querySelectorAll("li")].map((item) => `${item.querySelector("span")!.textContent}${item.className === "pending" ? "?" : ""}`);
      seen.push(texts.filter((text) => text.startsWith(own)));
    };
    check();
    new MutationObserver(check).observe(list, { subtree: true, childList: true, attributes: true, characterData: true });
    (window as unknown as { seen: string[][] }).seen = seen;
  }, mark);
});
afterEach(async () => {
  await page.close();
  await sql(`DELETE FROM messages WHERE body LIKE '${mark}%'`);
});

/** Every render since the page was opened, each different one once in a row. */
async function seen(): Promise<readonly Seen[]> {
  const all = await page.evaluate(() => (window as unknown as { seen: string[][] }).seen);
  return all.filter((texts, index) => index === 0 || texts.join() !== all[index - 1]!.join());
}

const message = (text: string, state: "pending" | "confirmed") => page.locator(`li.${state}`, { hasText: `${mark} ${text}` });

async function setLatency(milliseconds: number): Promise<void> {
  await page.getByLabel("Latency").fill(String(milliseconds));
}

async function say(text: string): Promise<void> {
  await page.getByLabel("Message", { exact: true }).fill(`${mark} ${text}`);
  await page.getByRole("button", { name: "Say" }).click();
}

describe("the optimistic chat", () => {
  it("shows a message at once, in grey, and then as its row, always exactly once", async () => {
    await setLatency(700);
    await say("hello");
    await message("hello", "pending").waitFor();
    expect(await page.getByTestId("pending-count").textContent()).toBe("1 pending");
    expect(await sql(`SELECT count(*) FROM messages WHERE body = '${mark} hello'`)).toBe("0");
    const colours = await page.evaluate(() => [".chat li.pending", ".chat li.confirmed"].map((one) => getComputedStyle(document.querySelector(one)!).color));
    expect(colours[0]).not.toBe(colours[1]);
    // The first row's ground ends where the list's rounded border does.
    expect(await page.getByRole("list", { name: "Messages" }).evaluate((list) => getComputedStyle(list).overflow)).toBe("hidden");
    const accent = await page.getByRole("tab", { name: "Optimistic" }).evaluate((tab) => getComputedStyle(tab).borderBottomColor);
    expect(await page.getByLabel("Latency").evaluate((slider) => getComputedStyle(slider).accentColor)).toBe(accent);
    await picture(page, "optimistic-pending");

    await message("hello", "confirmed").waitFor();
    expect(await seen()).toEqual([[], [`${mark} hello?`], [`${mark} hello`]]);
    expect(await page.getByTestId("outcome").textContent()).toBe(`Confirmed: ${mark} hello`);
    expect(opened.complaints).toEqual([]);
  });

  it("shows many messages once each in every render, while others write, too", async () => {
    await setLatency(0);
    for (let index = 0; index < 6; index++) {
      await say(`m${index}.`);
      if (index % 2 === 0) await sql(`INSERT INTO messages (room_id, author, body) VALUES (1, 'Ada', '${mark} other ${index}.')`);
    }
    for (let index = 0; index < 6; index++) await message(`m${index}.`, "confirmed").waitFor();
    for (const texts of await seen()) {
      const plain = texts.map((text) => text.replace("?", ""));
      expect(new Set(plain).size).toBe(plain.length);
    }
    const said = (await seen()).map((texts) => texts.filter((text) => text.includes(" m")).length);
    // Once a message is there, it stays.
    expect(said).toEqual([...said].sort((left, right) => left - right));
    expect(await sql(`SELECT count(*) FROM messages WHERE body LIKE '${mark} m%'`)).toBe("6");
  });

  it("removes a rejected message, with the reason", async () => {
    await setLatency(300);
    await page.getByLabel("Server rejects").check();
    await say("never");
    await message("never", "pending").waitFor();
    await page.getByTestId("outcome").getByText(`Rolled back (the server was asked to reject this): ${mark} never`).waitFor();
    expect(await seen()).toEqual([[], [`${mark} never?`], []]);
    expect(await page.getByTestId("pending-count").textContent()).toBe("0 pending");
    expect(await sql(`SELECT count(*) FROM messages WHERE body = '${mark} never'`)).toBe("0");
    await picture(page, "optimistic-rolled-back");
  });

  it("removes a cancelled message, and does not send it", async () => {
    await setLatency(5_000);
    await say("oops");
    await message("oops", "pending").getByRole("button", { name: "Cancel" }).click();
    await page.getByTestId("outcome").getByText(`Rolled back (optimistic change cancelled): ${mark} oops`).waitFor();
    expect(await seen()).toEqual([[], [`${mark} oops?`], []]);
  });
});
