import { beforeEach, describe, expect, it, vi } from "vitest";
import type { SyncClient } from "../../src/client.js";
import { localStorageMutations, Mutations, WriteRefused, webLock, type Lock, type Mutation, type MutationsOptions, type MutationStorage } from "../../src/optimistic/index.js";
import { ScriptedEngine, allSettled } from "../support/engine.js";
import { ScriptedWrites } from "../support/writes.js";

/** As the browser's. */
class MemoryStorage implements Storage {
  private readonly items = new Map<string, string>();
  isFull = false;

  get length(): number {
    return this.items.size;
  }

  key(index: number): string | null {
    return [...this.items.keys()][index] ?? null;
  }

  getItem(key: string): string | null {
    return this.items.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    if (this.isFull) throw new Error("QuotaExceededError");
    this.items.set(key, value);
  }

  removeItem(key: string): void {
    this.items.delete(key);
  }

  clear(): void {
    this.items.clear();
  }

  get keys(): string[] {
    return [...this.items.keys()];
  }
}

/** One holder at a time, as Web Locks; `end` is the end of a tab, with all that it holds. */
class Locks {
  private readonly queues = new Map<string, (() => Promise<void>)[]>();

  tab(): { readonly lock: Lock; readonly end: () => void } {
    let release = (): void => {};
    const ended = new Promise<void>((resolve) => (release = resolve));
    let isOver = false;
    const lock: Lock = (name, work) =>
      new Promise((resolve) => {
        const queue = this.queues.get(name) ?? [];
        this.queues.set(name, queue);
        queue.push(async () => {
          if (!isOver) await Promise.race([work(), ended]);
          resolve();
        });
        if (queue.length === 1) void this.run(queue);
      });
    return {
      lock,
      end: () => {
        isOver = true;
        release();
      },
    };
  }

  private async run(queue: (() => Promise<void>)[]): Promise<void> {
    while (queue.length > 0) {
      await queue[0]!();
      queue.shift();
    }
  }
}

/** A page: a client and its mutations, over a storage and an engine that outlive it. */
interface PageOfTest {
  readonly mutations: Mutations;
  readonly bodies: () => string;
  readonly seen: string[];
  readonly warnings: string[];
  readonly end: () => void;
}

let engine: ScriptedEngine;
let writes: ScriptedWrites;
let memory: MemoryStorage;
let storage: MutationStorage;
let locks: Locks;
let send: ReturnType<typeof vi.fn<(mutation: Mutation, signal: AbortSignal) => Promise<unknown>>>;

beforeEach(() => {
  engine = new ScriptedEngine();
  writes = new ScriptedWrites(engine);
  memory = new MemoryStorage();
  storage = localStorageMutations("app", memory);
  locks = new Locks();
  send = vi.fn(() => Promise.resolve());
});

async function open(options: MutationsOptions = {}): Promise<PageOfTest> {
  const client: SyncClient = engine.client();
  const tab = locks.tab();
  const warnings: string[] = [];
  const mutations = new Mutations(client, { send, persist: storage, lock: tab.lock, clock: engine.clock, warn: (text) => warnings.push(text), ...options });
  const query = mutations.query<{ readonly body: string }>(client.liveQuery("SELECT 1"), (rows, { data }) => [...rows, { body: `${String(data)}?` }]);
  const bodies = (): string => query.rows.map(({ body }) => body).join(" ");
  const seen: string[] = [];
  query.subscribe(() => {
    if (seen.at(-1) !== bodies()) seen.push(bodies());
  });
  await mutations.restored;
  await allSettled();
  return {
    mutations,
    bodies,
    seen,
    warnings,
    end: () => {
      tab.end();
      mutations.close();
      client.close();
    },
  };
}

const sent = (): string[] => send.mock.calls.map(([mutation]) => mutation.mutationId);
const offline = (): void => void send.mockRejectedValue(new TypeError("Failed to fetch"));
const online = (): void => void send.mockResolvedValue(undefined);

describe("a kept change", () => {
  it("is stored with its name, data and time, and forgotten when it is confirmed", async () => {
    const page = await open();
    await writes.begin();
    const { confirmation } = page.mutations.mutate({ mutationId: "a", name: "add", data: "tea" });
    await allSettled();
    expect(JSON.parse(memory.getItem("app:a")!)).toEqual({ version: 1, name: "add", data: "tea", at: engine.clock.now(), number: engine.clock.now() });
    writes.commit("a", "tea");
    await writes.deliverAll();
    await confirmation;
    expect([memory.keys, page.bodies()]).toEqual([[], "tea"]);
  });

  it("survives a reload: it is over the rows, sent again, and confirmed as usual", async () => {
    offline();
    const before = await open();
    before.mutations.mutate({ mutationId: "a", name: "add", data: "tea" });
    before.mutations.mutate({ mutationId: "b", name: "add", data: "milk" });
    await allSettled();
    before.end();
    online();
    send.mockClear();
    const after = await open();
    expect(after.bodies()).toBe("tea? milk?");
    expect(sent()).toEqual(["a", "b"]);
    await writes.begin("s2");
    writes.commit("a", "tea");
    await writes.deliverAll();
    expect(after.bodies()).toBe("tea milk?");
    expect(memory.keys).toEqual(["app:b"]);
  });

  it("is sent in order, and again until it is taken", async () => {
    offline();
    const page = await open();
    for (const mutationId of ["a", "b"]) page.mutations.mutate({ mutationId, name: "add", data: mutationId });
    await allSettled();
    await engine.clock.pass(750);
    expect(sent()).toEqual(["a", "a"]);
    await engine.clock.pass(1_500);
    expect(sent()).toEqual(["a", "a", "a"]);
    online();
    await engine.clock.pass(3_000);
    expect(sent()).toEqual(["a", "a", "a", "a", "b"]);
    expect(page.bodies()).toBe("a? b?");
  });

  it("comes after what was stored when the clock is set back between, also when it is made while that is read", async () => {
    offline();
    const before = await open();
    before.mutations.mutate({ mutationId: "a", name: "add", data: "a" });
    engine.clock.set(engine.clock.now() - 3_600_000);
    before.mutations.mutate({ mutationId: "b", name: "add", data: "b" });
    await allSettled();
    before.end();
    let list = (): void => {};
    const isAsked = new Promise<void>((resolve) => (list = resolve));
    const slow: MutationStorage = { ...storage, list: async () => (await isAsked, storage.list()) };
    const client = engine.client();
    const early = new Mutations(client, { send, persist: slow, lock: (_, work) => work(), clock: engine.clock, warn: () => {} });
    early.mutate({ mutationId: "c", name: "add", data: "c" });
    await allSettled();
    expect(memory.keys).toEqual(["app:a", "app:b"]);
    list();
    await early.restored;
    await allSettled();
    early.mutate({ mutationId: "d", name: "add", data: "d" });
    await allSettled();
    expect(early.pending.map(({ mutationId }) => mutationId)).toEqual(["a", "b", "c", "d"]);
    early.close();
    client.close();

    online();
    send.mockClear();
    const after = await open();
    expect([after.bodies(), sent()]).toEqual(["a? b? c? d?", ["a", "b", "c", "d"]]);
  });

  it("that an earlier version has stored without a number is where its time puts it", async () => {
    offline();
    const at = engine.clock.now();
    memory.setItem("app:b", JSON.stringify({ version: 1, name: "add", data: "b", at }));
    memory.setItem("app:a", JSON.stringify({ version: 1, name: "add", data: "a", at: at - 5 }));
    const page = await open();
    page.mutations.mutate({ mutationId: "c", name: "add", data: "c" });
    expect(page.bodies()).toBe("a? b? c?");
  });

  it("has its time from when it was taken, also after a reload", async () => {
    offline();
    const before = await open();
    await writes.begin();
    before.mutations.mutate({ mutationId: "a", name: "add", data: "tea" });
    await allSettled();
    before.end();
    const after = await open();
    await writes.begin("s2");
    await engine.clock.pass(60_000);
    await writes.deliverAll();
    expect(after.bodies()).toBe("tea?");
    online();
    await engine.clock.pass(30_000);
    await engine.clock.pass(10_000);
    for (let round = 0; round < 3; round++) {
      writes.giveUp();
      await writes.deliverAll();
    }
    expect([after.bodies(), memory.keys]).toEqual(["", []]);
  });

  it("is rolled back and removed when the backend refuses it", async () => {
    send.mockRejectedValue(new WriteRefused("no such room"));
    const page = await open();
    const { confirmation } = page.mutations.mutate({ mutationId: "a", name: "add", data: "tea" });
    await expect(confirmation).rejects.toMatchObject({ code: "failed", message: "no such room" });
    await allSettled();
    expect([page.bodies(), memory.keys]).toEqual(["", []]);
  });

  it("is sent again when there is no answer in time, and its signal is aborted", async () => {
    send.mockImplementation(() => new Promise(() => {}));
    const page = await open();
    page.mutations.mutate({ mutationId: "a", name: "add" });
    await allSettled();
    await engine.clock.pass(31_000);
    expect(sent()).toEqual(["a", "a"]);
    expect(send.mock.calls[0]![1].aborted).toBe(true);
  });

  it("whose row was there before the reload is not shown twice, nor sent again", async () => {
    const before = await open();
    await writes.begin();
    before.mutations.mutate({ mutationId: "a", name: "add", data: "tea" });
    await allSettled();
    writes.commit("a", "tea");
    before.end();
    send.mockImplementation(() => new Promise(() => {}));
    const after = await open();
    expect(after.bodies()).toBe("tea?");
    const at = writes.cut;
    await engine.hub.send({ type: "cut", cut: at }, { type: "snapshot", sub: "s2", rows: [["1", "tea"]] }, { type: "live", sub: "s2", cut: at });
    expect(after.bodies()).toBe("tea?");
    await writes.deliverAll();
    expect(after.seen.filter((bodies) => bodies !== "")).toEqual(["tea?", "tea"]);
    expect(memory.keys).toEqual([]);
  });

  it("with a write of its own is not kept", async () => {
    const page = await open();
    page.mutations.mutate({ mutationId: "a", name: "add", data: "tea" }, () => Promise.resolve());
    await allSettled();
    expect([memory.keys, sent()]).toEqual([[], []]);
  });

  it("that the storage does not take is pending all the same, with a warning", async () => {
    memory.isFull = true;
    const page = await open();
    page.mutations.mutate({ mutationId: "a", name: "add", data: "tea" });
    await allSettled();
    expect([page.bodies(), sent(), page.warnings]).toEqual(["tea?", ["a"], ["the change add will not survive a reload: QuotaExceededError"]]);
  });

  it("is given up after a day", async () => {
    offline();
    const page = await open();
    const { confirmation } = page.mutations.mutate({ mutationId: "a", name: "add", data: "tea" });
    await allSettled();
    await engine.clock.pass(86_400_000 + 60_000);
    await expect(confirmation).rejects.toMatchObject({ code: "timeout", message: "the change could not be sent: Failed to fetch" });
    expect(memory.keys).toEqual([]);
  });
});

describe("what a storage holds", () => {
  it("is dropped with a warning where it is corrupt, of another version, or too old; other keys stay", async () => {
    const good = JSON.stringify({ version: 1, name: "add", data: "tea", at: engine.clock.now() });
    memory.setItem("app:corrupt", "{");
    memory.setItem("app:null", "null");
    memory.setItem("app:other", JSON.stringify({ version: 2, name: "add", data: 1, at: 1 }));
    memory.setItem("app:shape", JSON.stringify({ version: 1, name: 5, data: 1, at: 1 }));
    memory.setItem("app:old", JSON.stringify({ version: 1, name: "add", data: 1, at: engine.clock.now() - 86_400_001 }));
    memory.setItem("app:good", good);
    memory.setItem("settings", "{");
    const page = await open();
    expect(page.bodies()).toBe("tea?");
    expect(memory.keys).toEqual(["app:good", "settings"]);
    expect(page.warnings).toHaveLength(5);
    expect(page.warnings[0]).toBe("the change corrupt in app was not written by this version, and is dropped");
  });

  it("is bounded by count and by characters", async () => {
    for (let index = 0; index < 5; index++) memory.setItem(`app:m${index}`, JSON.stringify({ version: 1, name: "add", data: "x".repeat(40), at: engine.clock.now() + index }));
    const page = await open({ maxPending: 3 });
    expect(page.mutations.pending.map(({ mutationId }) => mutationId)).toEqual(["m0", "m1", "m2"]);
    expect(memory.keys).toHaveLength(3);
    expect(() => page.mutations.mutate({ name: "add" })).toThrow("3 changes are pending already");
    page.end();
    const smaller = await open({ maxCharacters: 250 });
    expect(smaller.mutations.pending).toHaveLength(2);
    expect(() => smaller.mutations.mutate({ name: "add", data: "x".repeat(100) })).toThrow("more than 250 characters");
  });

  it("that cannot be read gives a warning, and nothing else fails", async () => {
    const broken: MutationStorage = { ...storage, list: () => Promise.reject(new Error("SecurityError")) };
    const page = await open({ persist: broken });
    expect(page.warnings).toEqual(["the changes of app cannot be read: SecurityError"]);
    page.mutations.mutate({ mutationId: "a", name: "add", data: "tea" });
    expect(page.bodies()).toBe("tea?");
  });
});

describe("two tabs", () => {
  it("do not send the same change; the second takes it up when the first has ended", async () => {
    offline();
    const first = await open();
    first.mutations.mutate({ mutationId: "a", name: "add", data: "tea" });
    await allSettled();
    const second = await open();
    expect([sent(), second.bodies()]).toEqual([["a"], ""]);
    send.mockClear();
    online();
    first.end();
    await allSettled();
    expect([sent(), second.bodies()]).toEqual([["a"], "tea?"]);
  });

  it("do not touch a change that the other has completed meanwhile", async () => {
    const first = await open();
    const { cancel } = first.mutations.mutate({ mutationId: "a", name: "add", data: "tea" });
    await allSettled();
    const second = await open();
    cancel();
    await allSettled();
    expect([sent(), second.bodies(), memory.keys]).toEqual([["a"], "", []]);
  });
});

describe("the parts", () => {
  it("are asked for together", () => {
    expect(() => new Mutations(engine.client(), { persist: storage })).toThrow("needs the option send");
  });

  it("lock by the browser's locks where there are any, and not at all elsewhere", async () => {
    const request = vi.fn((_name: string, work: () => Promise<void>) => work());
    vi.stubGlobal("navigator", { locks: { request } });
    const work = vi.fn(() => Promise.resolve());
    await webLock("n", work);
    expect(request).toHaveBeenCalledWith("n", work);
    vi.stubGlobal("navigator", {});
    await webLock("n", work);
    expect([request.mock.calls.length, work.mock.calls.length]).toEqual([1, 2]);
    vi.unstubAllGlobals();
  });
});
