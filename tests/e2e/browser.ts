import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, type BrowserContext, type Locator, type Page } from "playwright-core";
import { engineUrl } from "./environment.ts";

const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const artifacts = fileURLToPath(new URL("../../artifacts/", import.meta.url));

/** A browser with an empty profile, which ends with it. */
export interface Browser {
  readonly context: BrowserContext;
  readonly close: () => Promise<void>;
}

export async function openBrowser(): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), "syncengine-e2e-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: flags,
    viewport: { width: 1360, height: 860 },
  });
  context.setDefaultTimeout(20_000);
  return {
    context,
    close: async () => {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}

/** The playground with these queries open, and what its console complained of. */
export interface Playground {
  readonly page: Page;
  readonly complaints: readonly string[];
  /** The nth pane, from 1. */
  readonly pane: (number: number) => Pane;
}

/** The parts of a pane that tests read. */
export interface Pane {
  readonly root: Locator;
  readonly status: Locator;
  readonly editor: Locator;
  readonly rows: Locator;
  readonly row: (text: string) => Locator;
}

/** A query as a link to the playground carries it. */
export interface OpenedQuery {
  readonly sql: string;
  readonly params?: readonly unknown[];
}

export async function openPlayground({ context }: Browser, ...queries: readonly OpenedQuery[]): Promise<Playground> {
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(`${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => complaints.push(String(error)));

  const search = new URLSearchParams();
  for (const { sql, params } of queries) {
    search.append("q", sql);
    if (params) search.append("p", JSON.stringify(params));
  }
  await page.goto(`${engineUrl()}/${queries.length === 0 ? "" : `#/queries?${search}`}`);
  return { page, complaints, pane: (number) => paneOf(page.locator(`[data-pane="${number}"]`)) };
}

/** Waits until the pane is live. */
export async function untilLive(pane: Pane): Promise<void> {
  await pane.status.getByText("live", { exact: true }).waitFor();
}

/** Keeps a picture of the page beside the test results. */
export async function picture(page: Page, name: string): Promise<void> {
  await mkdir(artifacts, { recursive: true });
  await page.screenshot({ path: join(artifacts, `playground-${name}.png`) });
}

function paneOf(root: Locator): Pane {
  const rows = root.locator("tbody tr");
  return {
    root,
    status: root.getByTestId("status"),
    editor: root.getByRole("textbox", { name: /^SQL of query/ }),
    rows,
    row: (text) => rows.filter({ hasText: text }),
  };
}
