import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openBrowser, openPlayground, picture, type Browser, type Playground } from "./browser.ts";
import { sql } from "./database.ts";

let browser: Browser;
let opened: Playground;
let page: Page;
let channel: string;
let count = 0;

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());
beforeEach(async () => {
  // A quote, so that the statement to copy is shown to be one.
  channel = `e2e:o'${process.pid}-${++count}`;
  opened = await openPlayground(browser);
  page = opened.page;
  await page.getByRole("tab", { name: "Outbox" }).click();
});
afterEach(async () => {
  await page.close();
});

const figure = (id: string) => page.getByTestId(`outbox-${id}`);
const messages = () => page.getByRole("list", { name: "Messages of the channel" }).getByRole("listitem");

const say = (name: string, data = "null") =>
  sql(`INSERT INTO outbox (mutation_id, channel, name, data) VALUES ('e2e', '${channel.replaceAll("'", "''")}', '${name}', '${data}')`);

async function listen(): Promise<void> {
  await page.getByLabel("Channel", { exact: true }).fill(channel);
  await page.getByRole("button", { name: "Listen" }).click();
  await page.getByTestId("channel-status").getByText("live", { exact: true }).waitFor();
}

describe("the outbox tab", () => {
  it("shows a row that is inserted as a message, and counts it", async () => {
    await figure("mode").getByText("full: 1 node").waitFor();
    const target = page.getByRole("list", { name: "Targets" }).getByRole("listitem").filter({ hasText: "hub" });
    await target.getByText("up").first().waitFor();
    const before = Number((await figure("published").textContent())!.replaceAll(",", ""));
    await listen();

    await say("greeting", '{"text": "hello"}');

    await messages().filter({ hasText: '{"text": "hello"}' }).waitFor();
    await figure("published").getByText((before + 1).toLocaleString("en-US"), { exact: true }).waitFor();
    await page.waitForFunction(() => Number(document.querySelector('[data-testid="outbox-rate"]')!.textContent) > 0);
    await page.waitForFunction(() => document.querySelector('[data-testid="outbox-waiting"]')!.textContent === "0");
    await picture(page, "outbox");
    expect(opened.complaints).toEqual([]);
  });

  it("offers a statement that works, and shows the newest message first", async () => {
    await listen();
    await sql((await page.locator(".listener pre").textContent())!);
    await messages().filter({ hasText: "greeting" }).waitFor();
    await say("parting");
    await messages().filter({ hasText: "parting" }).waitFor();
    expect((await messages().locator("b").allTextContents())).toEqual(["parting", "greeting"]);
    // The address of the page carries the channel.
    await page.reload();
    await messages().nth(1).waitFor();
    expect((await messages().locator("b").allTextContents())).toEqual(["parting", "greeting"]);
    expect(opened.complaints).toEqual([]);
  });

  it("resumes after the last message when the connection was cut", async () => {
    const cuts: (() => Promise<void>)[] = [];
    const asked: string[] = [];
    await page.routeWebSocket(/\/sync/, (socket) => {
      const server = socket.connectToServer();
      socket.onMessage((message) => {
        if (String(message).includes('"Channel"')) asked.push(String(message));
        server.send(message);
      });
      cuts.push(() => socket.close({ code: 3000 }));
    });
    await page.reload();
    await listen();
    await say("before");
    await messages().filter({ hasText: "before" }).waitFor();
    const id = await messages().locator("code").first().textContent();
    await cuts.at(-1)!();
    await say("meanwhile");
    await messages().filter({ hasText: "meanwhile" }).waitFor();
    expect(await messages().locator("b").allTextContents()).toEqual(["meanwhile", "before"]);
    expect(asked).toHaveLength(2);
    expect(asked[1]).toContain(JSON.stringify([channel, id]));
  });

  it("folds a message that is long, and shows all of it when asked", async () => {
    await listen();
    await say("long", JSON.stringify({ text: "x".repeat(20_000) }));
    const message = messages().filter({ hasText: "20,012 characters" });
    await message.waitFor();
    const height = async () => (await message.boundingBox())!.height;
    expect(await height()).toBeLessThan(120);
    await picture(page, "outbox-folded");
    await message.locator("summary").click();
    await message.locator("details > code").getByText("x".repeat(20_000)).waitFor();
    expect(await height()).toBeGreaterThan(200);
    expect(await height()).toBeLessThan(400);
  });

  it("shows why a channel cannot be read", async () => {
    await page.route("**/sync/negotiate**", (route) => route.fulfill({ status: 503, body: "" }));
    await page.reload();
    await page.getByLabel("Channel", { exact: true }).fill(channel);
    await page.getByRole("button", { name: "Listen" }).click();
    await page.getByRole("alert").getByText("the engine was not reached").waitFor();
    await page.unroute("**/sync/negotiate**");
    await page.getByTestId("channel-status").getByText("live", { exact: true }).waitFor();
    expect(await page.getByRole("alert").count()).toBe(0);

    await page.route("**/sync/negotiate**", (route) => route.fulfill({ status: 401, body: "" }));
    await page.reload();
    await page.getByTestId("channel-status").getByText("ended", { exact: true }).waitFor();
    await page.getByRole("alert").getByText("401").waitFor();
  });

  it("asks for figures only while it is shown", async () => {
    await figure("mode").waitFor();
    const asked: string[] = [];
    page.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await page.waitForRequest((request) => request.url().endsWith("/metrics"));
    await page.getByRole("tab", { name: "Optimistic" }).click();
    await page.getByRole("list", { name: "Messages" }).and(page.locator('[aria-busy="false"]')).waitFor();
    asked.length = 0;
    // The status bar goes on asking, every five seconds.
    await page.waitForRequest((request) => request.url().endsWith("/health/ready"));
    expect(asked).not.toContain("/metrics");
  });

  it("explains how to open an outbox that is closed", async () => {
    await page.route("**/health/ready", (route) => route.fulfill({ json: { status: "up", version: "0", parts: { database: { status: "up" } } } }));
    const invitation = page.getByTestId("outbox-closed");
    await invitation.getByText("dotnet run --project src/SyncEngine.Server -- --SyncEngine:Outbox:Targets:0:Target=hub").waitFor();
    await invitation.getByText(/^INSERT INTO outbox /).waitFor();
    await picture(page, "outbox-closed");
  });

  it("shows which target is down, and which channels wait, each with the reason", async () => {
    const up = { status: "up" };
    const parts = {
      database: up,
      replication: { status: "up", detail: "not configured: wal_level is replica; live queries are off" },
      "outbox.postgres": up,
      "outbox.outbox_table": up,
      "outbox.nodes_table": { status: "up", detail: "full: 2 nodes" },
      "outbox.channels": { status: "up", detail: "1 channel waits: room:1 (ably 40160, 3 tries: the key may not publish here)" },
      "outbox.ably": { status: "down", detail: "the key was refused" },
      "outbox.hub": up,
    };
    await page.route("**/health/ready", (route) => route.fulfill({ status: 503, json: { status: "down", version: "0", parts } }));
    await page.getByRole("list", { name: "Targets" }).getByText("the key was refused").waitFor();
    const shown = page.getByRole("list", { name: "Parts of the engine" });
    await shown.getByRole("listitem").filter({ hasText: /^replication off$/ }).waitFor();
    // Every part is seen, also on a narrower page.
    await page.setViewportSize({ width: 1280, height: 800 });
    const { right } = await shown.evaluate((list) => ({ right: list.getBoundingClientRect().right - Math.max(...[...list.children].map((part) => part.getBoundingClientRect().right)) }));
    expect(right).toBeGreaterThanOrEqual(0);
    expect(await page.getByTestId("blocked").textContent()).toBe(parts["outbox.channels"].detail);
    await picture(page, "outbox-down");
  });

  it("shows the command for dead letters", async () => {
    await figure("mode").waitFor();
    const letter = await sql(`INSERT INTO sync.dead_letters (source, target, payload, code, error) VALUES ('"public"."outbox"', 'hub:e2e', '{}', '40009', 'e2e') RETURNING id`);
    try {
      await page.getByText("replay-dead-letters --all").waitFor();
      expect(await figure("dead-letters").textContent()).not.toBe("0");
      await picture(page, "outbox-dead-letters");
    } finally {
      await sql(`DELETE FROM sync.dead_letters WHERE id = ${letter}`);
    }
  });
});
