// @vitest-environment jsdom
import { act, cleanup, render } from "@testing-library/react";
import { createElement as h, StrictMode, useEffect, type ReactElement } from "react";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SyncClient } from "../../src/client.js";
import { useModel } from "../../src/models/react.js";
import { ModelsClient } from "../../src/models/index.js";
import { Mutations } from "../../src/optimistic/index.js";
import { mutationsOf, useOptimisticQuery, type OptimisticResult } from "../../src/optimistic/react.js";
import { SyncProvider } from "../../src/react.js";
import { merge, message, ScriptedSource } from "../support/channel.js";
import { ManualClock, ScriptedEngine, allSettled } from "../support/engine.js";
import { ScriptedWrites } from "../support/writes.js";

interface Message {
  readonly id: string;
  readonly body: string;
  readonly isPending?: boolean;
}

let engine: ScriptedEngine;
let client: SyncClient;
let writes: ScriptedWrites;
let renders: string[];
let result: OptimisticResult<Message>;

beforeEach(() => {
  engine = new ScriptedEngine();
  client = engine.client();
  writes = new ScriptedWrites(engine);
  renders = [];
});
afterEach(cleanup);

function List(props: { readonly mutations?: Mutations }): ReactElement {
  const { rows, keyOf, ...rest } = (result = useOptimisticQuery<Message>("SELECT 1", [1], {
    apply: (before, { mutationId, data }) => [...before, { id: mutationId, body: String(data), isPending: true }],
    ...(props.mutations && { mutations: props.mutations }),
  }));
  const text = rows.map((row) => `${row.body}${row.isPending ? "?" : ""}`).join(" ");
  useEffect(() => {
    if (renders.at(-1) !== text) renders.push(text);
  });
  return h("ul", { "data-pending": rest.pending.length }, rows.map((row) => h("li", { key: keyOf(row), className: row.isPending ? "pending" : "" }, row.body)));
}

const page = (props: Parameters<typeof List>[0] = {}): ReactElement => h(StrictMode, null, h(SyncProvider, { client }, h(List, props)));

describe("useOptimisticQuery", () => {
  it("shows a change at once, and its row in its place, with no render between that has both or none", async () => {
    const { container } = render(page());
    await act(() => writes.begin());
    await act(async () => void result.mutate({ mutationId: "a", name: "add", data: "tea" }, () => Promise.resolve()));
    expect(container.querySelector("li")!.className).toBe("pending");
    expect(container.querySelector("ul")!.dataset["pending"]).toBe("1");
    writes.commit("a", "tea");
    await act(() => writes.deliverAll());
    expect(container.querySelector("li")!.className).toBe("");
    expect(renders).toEqual(["", "tea?", "tea"]);
    expect(engine.lines).toEqual(["POST /subscribe"]);
  });

  it("takes the mutations that it is given, and else those of the client, which are the same for all", async () => {
    const mutations = new Mutations(client);
    render(page({ mutations }));
    await act(() => writes.begin());
    act(() => void mutations.mutate({ mutationId: "a", name: "add", data: "mine" }, () => Promise.resolve()));
    expect(renders.at(-1)).toBe("mine?");
    expect(mutationsOf(client)).toBe(mutationsOf(client));
    expect(mutationsOf(client)).not.toBe(mutations);
  });

  it("renders on a server as idle", () => {
    expect(renderToString(page())).toBe('<ul data-pending="0"></ul>');
  });
});

describe("useModel", () => {
  it("shows the state and the data as they change", async () => {
    const source = new ScriptedSource();
    const model = new ModelsClient({ source, clock: new ManualClock() }).models.get({ channelName: "posts", sync: () => Promise.resolve({ data: ["s"], sequenceId: "1" }), merge });
    function View(): ReactElement {
      const { state, data } = useModel(model);
      return h("p", null, `${state}: ${data?.optimistic.join(" ") ?? "nothing"}`);
    }
    const { container, unmount } = render(h(StrictMode, null, h(View)));
    const text = (): string | null => container.querySelector("p")!.textContent;
    expect(text()).toBe("initialized: nothing");
    let ready = Promise.resolve();
    await act(async () => {
      ready = model.sync();
      await allSettled();
    });
    expect(text()).toBe("syncing: nothing");
    await act(async () => {
      source.feed.reader.live();
      await ready;
    });
    expect(text()).toBe("ready: s");
    await act(async () => void (await model.optimistic({ mutationId: "a", name: "n" })));
    expect(text()).toBe("ready: s a?");
    act(() => source.send(message(2, "a")));
    expect(text()).toBe("ready: s a");
    unmount();
    source.send(message(3, "b"));
  });
});
