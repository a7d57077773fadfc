// @vitest-environment jsdom
import { act, cleanup, render } from "@testing-library/react";
import { createElement as h, StrictMode, useEffect, type ReactElement } from "react";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SyncClient } from "../src/client.js";
import type { Frame } from "../src/protocol.js";
import type { Param } from "../src/query.js";
import { SyncProvider, useLiveQuery, useSyncClient, type LiveResult } from "../src/react.js";
import { ScriptedEngine, allSettled } from "./support/engine.js";
import { cut, diff, live, snapshot } from "./support/frames.js";

let engine: ScriptedEngine;
let client: SyncClient;

beforeEach(() => {
  engine = new ScriptedEngine();
  client = engine.client();
});
afterEach(cleanup);

interface Message {
  readonly id: string;
  readonly body: string;
}

function List(props: { readonly sql?: string; readonly params?: readonly Param[]; readonly enabled?: boolean; readonly seen?: (result: LiveResult<Message>) => void }): ReactElement {
  const result = useLiveQuery<Message>(props.sql ?? "SELECT 1", props.params ?? [1], { enabled: props.enabled ?? true });
  useEffect(() => {
    props.seen?.(result);
  });
  return h("ul", { "data-status": result.status, "data-cut": result.cut }, result.rows.map((row) => h("li", { key: result.keyOf(row) }, row.body)));
}

const inProvider = (...children: ReactElement[]): ReactElement => h(SyncProvider, { client }, ...children);
const rendered = (): Promise<void> => act(allSettled);
const send = (...frames: Frame[]): Promise<void> => act(() => engine.hub.send(...frames));
const texts = (container: HTMLElement): (string | null)[] => [...container.querySelectorAll("li")].map((item) => item.textContent);

describe("useLiveQuery", () => {
  it("shows rows as they become live and as they change", async () => {
    const { container } = render(inProvider(h(List)));
    await rendered();
    await send(cut("0/10"), snapshot("s1", [["1", "hi"]]));
    expect(container.querySelector("ul")!.dataset["status"]).toBe("snapshot");
    await send(live("s1", "0/10"));
    expect(texts(container)).toEqual(["hi"]);
    await send(diff("s1", "0/20", { added: [["2", "yo"]] }), cut("0/20"));
    expect(texts(container)).toEqual(["hi", "yo"]);
    expect(container.querySelector("ul")!.dataset).toMatchObject({ status: "live", cut: "0/20" });
  });

  it("subscribes once under StrictMode, and unsubscribes on unmount", async () => {
    const { container, unmount } = render(h(StrictMode, null, inProvider(h(List))));
    await rendered();
    await send(cut("0/10"), snapshot("s1", [["1", "hi"]]), live("s1", "0/10"));
    expect(texts(container)).toEqual(["hi"]);
    expect(engine.lines).toEqual(["POST /subscribe"]);
    unmount();
    await act(() => engine.clock.pass(1_000));
    expect(engine.lines).toEqual(["POST /subscribe", "DELETE /subscribe/s1"]);
    expect(engine.hub.isClosed).toBe(true);
  });

  it("shares one subscription between components that ask the same", async () => {
    const { container } = render(h(StrictMode, null, inProvider(h(List, { key: 1 }), h(List, { key: 2, params: [1] }))));
    await rendered();
    await send(cut("0/10"), snapshot("s1", [["1", "hi"]]), live("s1", "0/10"));
    expect(engine.lines).toEqual(["POST /subscribe"]);
    expect(texts(container)).toEqual(["hi", "hi"]);
  });

  it("gives all components of a page one cut in every render", async () => {
    const seen: Record<string, string | null> = {};
    const torn: unknown[] = [];
    const watch = (name: string) => (result: LiveResult<Message>) => {
      seen[name] = result.cut;
    };
    function Page(): ReactElement {
      // Runs after the effects of its children, so it sees what one commit showed.
      useEffect(() => {
        if (seen["a"] !== seen["b"]) torn.push({ ...seen });
      });
      useLiveQuery("SELECT 1", [1]);
      return h("div", null, h(List, { seen: watch("a") }), h(List, { sql: "SELECT 2", seen: watch("b") }));
    }
    const { container } = render(inProvider(h(Page)));
    await rendered();
    await send(cut("0/10"), snapshot("s1", []), live("s1", "0/10"), snapshot("s2", []), live("s2", "0/10"));
    torn.length = 0;
    await send(diff("s2", "0/20", { added: [["2", "b"]] }), diff("s1", "0/20", { added: [["1", "a"]] }), cut("0/20"));
    await send(diff("s2", "0/30", { removed: [["2"]] }), cut("0/30"));
    await send(cut("0/40"));
    expect(torn).toEqual([]);
    expect(seen).toEqual({ a: "0/40", b: "0/40" });
    expect(texts(container)).toEqual(["a"]);
  });

  it("keeps rows and result the same objects across a render of its own", async () => {
    const results: LiveResult<Message>[] = [];
    const element = (): ReactElement => inProvider(h(List, { params: [1], seen: (result) => results.push(result) }));
    const { rerender } = render(element());
    await rendered();
    await send(cut("0/10"), snapshot("s1", [["1", "hi"]]), live("s1", "0/10"));
    const before = results.at(-1)!;
    rerender(element());
    expect(results.at(-1)).toBe(before);
    await send(diff("s1", "0/20", { added: [["2", "yo"]] }), cut("0/20"));
    expect(results.at(-1)!.rows[0]).toBe(before.rows[0]);
  });

  it("moves to another subscription when its parameters change", async () => {
    const { container, rerender } = render(inProvider(h(List, { params: [1] })));
    await rendered();
    await send(cut("0/10"), snapshot("s1", [["1", "one"]]), live("s1", "0/10"));
    rerender(inProvider(h(List, { params: [2] })));
    expect(texts(container)).toEqual([]);
    await rendered();
    await send(snapshot("s2", [["2", "two"]]), live("s2", "0/10"));
    expect(texts(container)).toEqual(["two"]);
    await act(() => engine.clock.pass(1_000));
    expect(engine.lines).toEqual(["POST /subscribe", "POST /subscribe", "DELETE /subscribe/s1"]);
  });

  it("asks for nothing while it is not enabled", async () => {
    const { container, rerender } = render(inProvider(h(List, { enabled: false })));
    await rendered();
    expect(engine.lines).toEqual([]);
    expect(container.querySelector("ul")!.dataset["status"]).toBe("idle");
    rerender(inProvider(h(List, { enabled: true })));
    await rendered();
    expect(engine.lines).toEqual(["POST /subscribe"]);
  });

  it("renders on a server as idle", () => {
    expect(renderToString(inProvider(h(List)))).toBe('<ul data-status="idle"></ul>');
    expect(engine.lines).toEqual([]);
  });

  it("names the missing provider in its error", () => {
    expect(() => renderToString(h(List))).toThrow("useLiveQuery needs a <SyncProvider client={…}> above it");
  });
});

describe("useSyncClient", () => {
  it("gives the provider's client", () => {
    let given: SyncClient | null = null;
    function Reader(): null {
      given = useSyncClient();
      return null;
    }
    render(inProvider(h(Reader)));
    expect(given).toBe(client);
  });
});
