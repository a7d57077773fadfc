import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openBrowser, openPlayground, picture, untilLive, type Browser, type OpenedQuery, type Playground } from "./browser.ts";
import { dropRoom, emptyRoom, sql } from "./database.ts";
import { engineUrl } from "./environment.ts";

const messagesOfRoom = "SELECT id, author, body FROM messages WHERE room_id = $1";

let browser: Browser;
let room: string;
let opened: Playground | undefined;

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());
beforeEach(async () => {
  room = await emptyRoom();
});
afterEach(async () => {
  await opened?.page.close();
  opened = undefined;
  await dropRoom(room);
});

async function open(...queries: OpenedQuery[]): Promise<Playground> {
  opened = await openPlayground(browser, ...queries);
  return opened;
}

const say = (body: string) => sql(`INSERT INTO messages (room_id, author, body, created_at) VALUES (${room}, 'ada', '${body}', now())`);

describe("the playground", () => {
  it("marks an inserted row as entered, and measures its latency", async () => {
    const { page, pane, complaints } = await open({ sql: messagesOfRoom, params: [room] });
    await untilLive(pane(1));
    await pane(1).root.getByText("No rows at this cut").waitFor();
    const cut = await pane(1).root.getByTestId("cut").textContent();

    await say("hello from psql");

    await page.locator('tr[data-mark="entered"]', { hasText: "hello from psql" }).waitFor();
    await page.locator('[data-testid="latency-last"]', { hasText: /\d (ms|s)$/ }).waitFor();
    expect(await pane(1).root.getByTestId("row-count").textContent()).toBe("1 row");
    expect(await pane(1).root.getByTestId("cut").textContent()).not.toBe(cut);
    await picture(page, "insert");
    // The mark passes, the row stays.
    await page.locator("tbody tr:not([data-mark])", { hasText: "hello from psql" }).waitFor();
    expect(complaints).toEqual([]);
  });

  it("shows the columns with their types, and the plan", async () => {
    const { pane } = await open({ sql: messagesOfRoom, params: [room] });
    await untilLive(pane(1));
    expect(await pane(1).root.locator("thead th").allInnerTexts()).toEqual(["id\nint8", "author\ntext", "body\ntext"]);
    expect(await pane(1).root.getByTestId("plan").textContent()).toMatch(/^(incremental|probe|requery)$/);
  });

  it("flashes the cell that is updated, and only that one", async () => {
    await say("first words");
    const { page, pane } = await open({ sql: messagesOfRoom, params: [room] });
    await pane(1).row("first words").waitFor();
    await untilLive(pane(1));

    await sql(`UPDATE messages SET body = 'second words' WHERE room_id = ${room}`);

    // One call: a flash may have ended at a second one.
    const flashing = await page.waitForFunction(() => {
      const texts = [...document.querySelectorAll("td.flash")].map((cell) => cell.textContent);
      return texts.length > 0 && texts;
    });
    expect(await flashing.jsonValue()).toEqual(["second words"]);
    expect(await pane(1).rows.count()).toBe(1);
    await picture(page, "update");
  });

  it("fades a deleted row for at least a second, and then removes it", async () => {
    await say("staying");
    await say("leaving");
    const { page, pane } = await open({ sql: messagesOfRoom, params: [room] });
    await pane(1).row("leaving").waitFor();
    await untilLive(pane(1));
    // Timed in the page, by its own clock, from the mark to the end of the row.
    const fading = page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          let since: number | null = null;
          const observer = new MutationObserver(() => {
            const isLeaving = document.querySelector('tr[data-mark="left"]') !== null;
            if (isLeaving) since ??= performance.now();
            else if (since !== null) {
              observer.disconnect();
              resolve(performance.now() - since);
            }
          });
          observer.observe(document.body, { subtree: true, childList: true, attributes: true });
        }),
    );

    await sql(`DELETE FROM messages WHERE room_id = ${room} AND body = 'leaving'`);

    await page.locator('tr[data-mark="left"]', { hasText: "leaving" }).waitFor();
    await picture(page, "delete");
    expect(await fading).toBeGreaterThanOrEqual(1000);
    expect(await pane(1).row("leaving").count()).toBe(0);
    expect(await pane(1).row("staying").count()).toBe(1);
    expect(await pane(1).root.getByTestId("row-count").textContent()).toBe("1 row");
  });

  it("colours a change without moving anything for those who ask for less motion", async () => {
    const { page, pane } = await open({ sql: messagesOfRoom, params: [room] });
    await page.emulateMedia({ reducedMotion: "reduce" });
    await untilLive(pane(1));
    await say("calm");
    const style = await page.waitForFunction(() => {
      const row = document.querySelector('tr[data-mark="entered"]');
      const cell = row?.querySelector("td");
      if (!row || !cell) return false;
      const style = getComputedStyle(cell);
      return { row: getComputedStyle(row).animationName, cell: style.animationName, isColoured: style.backgroundColor !== "rgba(0, 0, 0, 0)" };
    });
    expect(await style.jsonValue()).toEqual({ row: "none", cell: "none", isColoured: true });
  });

  it("shows that the engine cannot be reached, and continues when it can", async () => {
    const { page, pane } = await open({ sql: "SELECT 1 AS one" });
    await untilLive(pane(1));
    await page.route("**/subscribe", (route) => route.abort());
    await pane(1).editor.fill(`SELECT id, name FROM rooms WHERE id = ${room}`);
    await pane(1).editor.press("Control+Enter");
    await pane(1).root.getByTestId("stale").getByText("network_error").waitFor();
    await page.unroute("**/subscribe");
    await pane(1).row(room).waitFor();
    await untilLive(pane(1));
    expect(await pane(1).root.getByTestId("stale").count()).toBe(0);
  });

  it("shows a syntax error with its code and a caret under the place, and recovers from it", async () => {
    const { page, pane, complaints } = await open({ sql: "SELECT id,\n  name FRM rooms" });
    const error = pane(1).root.getByTestId("error");
    await error.waitFor();

    expect(await error.getByTestId("code").textContent()).toBe("sql_syntax_error");
    expect(await error.getByTestId("message").textContent()).toMatch(/rooms/);
    await error.getByRole("button", { name: "Line 2, column 12" }).waitFor();
    // The caret stands under the first letter of "rooms" as drawn.
    const under = await error.getByTestId("caret").boundingBox();
    const place = await error.getByTestId("excerpt").evaluate((element) => {
      const line = element.firstChild!;
      const range = document.createRange();
      range.setStart(line, "  name FRM ".length);
      range.setEnd(line, "  name FRM r".length);
      const { x, bottom } = range.getBoundingClientRect();
      return { x, bottom };
    });
    expect(Math.abs(under!.x - place.x)).toBeLessThan(1);
    expect(under!.y + under!.height).toBeGreaterThan(place.bottom);
    expect(await pane(1).root.locator(".mistaken").textContent()).toBe("rooms");
    await picture(page, "syntax-error");
    // Chromium itself reports the refused request; nothing else complains.
    expect(complaints.filter((complaint) => !/status of 400/.test(complaint))).toEqual([]);

    await pane(1).editor.fill(`SELECT id, name FROM rooms WHERE id = ${room}`);
    await pane(1).editor.press("Control+Enter");
    await pane(1).row(room).waitFor();
    expect(await error.count()).toBe(0);
  });

  it("keeps two queries side by side live, each with its own rows, and in the link", async () => {
    const { page, pane, complaints } = await open(
      { sql: messagesOfRoom, params: [room] },
      { sql: "SELECT room_id, count(*) AS messages FROM messages WHERE room_id = $1 GROUP BY room_id", params: [room] },
    );
    await untilLive(pane(1));
    await untilLive(pane(2));
    await say("for both");
    await pane(1).row("for both").waitFor();
    await pane(2).root.locator("tbody td:nth-child(2)", { hasText: /^1$/ }).waitFor();
    const [left, right] = [await pane(1).root.boundingBox(), await pane(2).root.boundingBox()];
    expect(left!.y).toBe(right!.y);
    expect(left!.x + left!.width).toBeLessThanOrEqual(right!.x);
    await picture(page, "two-panes");

    await pane(1).root.getByRole("button", { name: "Close query 1" }).click();
    await page.waitForFunction(() => new URLSearchParams(location.hash.split("?")[1]).getAll("q").length === 1);
    await page.reload();
    await pane(1).root.locator("tbody td:nth-child(2)", { hasText: /^1$/ }).waitFor();
    expect(await page.locator("[data-pane]").count()).toBe(1);
    expect(complaints).toEqual([]);
  });

  it("runs an example with one click", async () => {
    const { page, pane } = await open({ sql: "SELECT 1 AS one" });
    await untilLive(pane(1));
    await page.getByRole("button", { name: "Stock running low" }).click();
    await untilLive(pane(2));
    expect(await pane(2).root.locator("thead th").first().innerText()).toBe("sku\ntext");
  });

  it("starts and stops a stream of changes that moves rows", async () => {
    const { page, pane, complaints } = await open({ sql: "SELECT id, author, body FROM messages ORDER BY id DESC LIMIT 10" }, { sql: "SELECT id, customer, status, total FROM orders" });
    await untilLive(pane(1));
    await untilLive(pane(2));
    try {
      await page.getByRole("button", { name: "Start changes" }).click();
      await page.getByRole("button", { name: "Stop changes" }).waitFor();
      await page.locator("tr[data-mark], td.flash").first().waitFor();
      await page.locator('[data-testid="latency-median"]', { hasText: /\d (ms|s)$/ }).first().waitFor();
      await picture(page, "changes");
      await page.getByRole("button", { name: "Stop changes" }).click();
      await page.getByRole("button", { name: "Start changes" }).waitFor();
    } finally {
      await fetch(`${engineUrl()}/demo/changes`, { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"running": false}' });
    }
    expect(complaints).toEqual([]);
  });

  it("is used by keyboard alone", async () => {
    const { page, pane, complaints } = await open({ sql: "SELECT 1 AS one" });
    await untilLive(pane(1));

    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys and colours" }).waitFor();
    await picture(page, "help");
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });

    await page.keyboard.press("n");
    await pane(2).root.waitFor();
    await page.keyboard.type(messagesOfRoom);
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => (document.activeElement as HTMLInputElement | null)?.labels?.[0]?.textContent)).toBe("$1");
    await page.keyboard.type(room);
    await page.keyboard.press("Control+Enter");
    await untilLive(pane(2));
    await say("typed, not clicked");
    await pane(2).row("typed, not clicked").waitFor();

    await page.keyboard.press("Escape");
    await page.keyboard.press("x");
    await pane(2).root.waitFor({ state: "detached" });
    await page.keyboard.press("e");
    await page.waitForFunction(() => document.activeElement?.getAttribute("aria-label") === "SQL of query 1");
    expect(complaints).toEqual([]);
  });

  it("shows the engine's version and readiness, and nothing of the database's address", async () => {
    const { page } = await open();
    await page.getByTestId("readiness").getByText("ready", { exact: true }).waitFor();
    expect(await page.getByRole("status", { name: "Engine" }).innerText()).toMatch(/SyncEngine \d+\.\d+/);
    expect(await page.getByRole("link", { name: "Metrics" }).getAttribute("href")).toBe(`${engineUrl()}/metrics`);
    expect(await page.content()).not.toMatch(/postgres(ql)?:\/\//);
  });

  it("opens the documentation from the status bar, and comes back to the same queries", async () => {
    const { page, pane, complaints } = await open({ sql: messagesOfRoom, params: [room] });
    await untilLive(pane(1));
    await page.getByRole("link", { name: "Docs" }).click();
    await page.getByRole("article").getByRole("heading").first().waitFor();
    await page.getByRole("article").getByRole("link", { name: "Guarantees" }).click();
    expect(await page.getByRole("heading", { name: "8. Guarantees" }).evaluate((heading) => heading.getBoundingClientRect().top < innerHeight)).toBe(true);
    await say("while reading");
    await page.getByRole("tab", { name: "Queries" }).click();
    await pane(1).row("while reading").waitFor();
    expect(await page.locator("[data-pane]").count()).toBe(1);
    await page.getByRole("tab", { name: "Queries" }).press("End");
    await page.getByRole("article").getByRole("heading").first().waitFor();
    expect(complaints).toEqual([]);
  });

  it("sends requests to the engine only", async () => {
    const page = await browser.context.newPage();
    const strangers: string[] = [];
    page.on("request", (request) => {
      if (new URL(request.url()).host !== new URL(engineUrl()).host) strangers.push(request.url());
    });
    await page.goto(engineUrl());
    await page.getByTestId("status").first().getByText("live", { exact: true }).waitFor();
    await page.emulateMedia({ colorScheme: "dark" });
    await picture(page, "dark");
    await page.close();
    expect(strangers).toEqual([]);
  });
});
