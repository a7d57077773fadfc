import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocketServer, type WebSocket } from "ws";
import { SyncClient } from "../src/client.js";
import { signalRHub, type Hub } from "../src/hub.js";
import type { Frame } from "../src/protocol.js";
import { hubError, SyncError } from "../src/syncError.js";
import { answer, cut, live, snapshot } from "./support/frames.js";

const endOfRecord = "\u001e";

interface Message {
  readonly type: number;
  readonly invocationId?: string;
  readonly target?: string;
  readonly arguments?: unknown[];
}

/**
 * Speaks SignalR's JSON hub protocol as far as `/sync` uses it, written from its specification
 * (https://github.com/dotnet/aspnetcore/blob/main/src/SignalR/docs/specs/HubProtocol.md), so that the real client library is what is tested.
 */
class HubServer {
  readonly messages: Message[] = [];
  readonly tokens: (string | null)[] = [];
  readonly refusals = new Map<string, string>();
  status = 200;
  private readonly http: Server = createServer((request, response) => this.answer(request, response));
  private readonly sockets = new WebSocketServer({ server: this.http });
  private socket: WebSocket | null = null;
  private stream = "";
  private waiting: { readonly target: string; readonly resolve: (message: Message) => void }[] = [];

  async start(): Promise<string> {
    this.sockets.on("connection", (socket, request) => {
      // Node's sockets carry it in a header; a browser's cannot, so there it is in the address.
      this.tokens.push(request.headers.authorization ?? new URL(request.url!, "http://x").searchParams.get("access_token"));
      this.socket = socket;
      socket.on("message", (data) => {
        for (const record of String(data).split(endOfRecord).filter((text) => text !== "")) this.take(JSON.parse(record) as Message & { protocol?: string });
      });
    });
    await new Promise<void>((resolve) => this.http.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`;
  }

  called(target: string): Promise<Message> {
    const message = this.messages.find((other) => other.target === target);
    return message ? Promise.resolve(message) : new Promise((resolve) => this.waiting.push({ target, resolve }));
  }

  frames(...frames: Frame[]): void {
    for (const item of frames) this.send({ type: 2, invocationId: this.stream, item });
  }

  complete(error?: string): void {
    this.send({ type: 3, invocationId: this.stream, ...(error === undefined ? {} : { error }) });
  }

  drop(): void {
    this.socket!.terminate();
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets.clients) socket.terminate();
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }

  private answer(request: IncomingMessage, response: import("node:http").ServerResponse): void {
    request.resume();
    response.setHeader("Content-Type", "application/json");
    if (request.url!.startsWith("/sync/negotiate")) {
      response.statusCode = this.status;
      response.end(JSON.stringify({ negotiateVersion: 1, connectionId: "c", connectionToken: "c", availableTransports: [{ transport: "WebSockets", transferFormats: ["Text"] }] }));
    } else if (request.method === "POST") {
      response.statusCode = 201;
      response.end(JSON.stringify(answer("s1")));
    } else {
      response.statusCode = 204;
      response.end();
    }
  }

  private take(message: Message & { protocol?: string }): void {
    if (message.protocol !== undefined) {
      this.socket!.send(`{}${endOfRecord}`);
      return;
    }
    if (message.target === undefined) return;
    this.messages.push(message);
    if (message.type === 4) this.stream = message.invocationId!;
    if (message.type === 1) {
      const refusal = this.refusals.get(message.target);
      this.send({ type: 3, invocationId: message.invocationId!, ...(refusal === undefined ? { result: null } : { error: refusal }) });
    }
    for (const { resolve } of this.waiting.filter(({ target }) => target === message.target)) resolve(message);
    this.waiting = this.waiting.filter(({ target }) => target !== message.target);
  }

  private send(message: object): void {
    this.socket!.send(JSON.stringify(message) + endOfRecord);
  }
}

/** Collects the frames of a hub, and resolves when there are enough. */
class Reading {
  readonly frames: Frame[] = [];
  readonly ended: Promise<unknown>;
  unavailable: SyncError[] = [];
  private end: (cause: unknown) => void = () => {};
  private waiting: (() => void) | null = null;

  constructor() {
    this.ended = new Promise((resolve) => (this.end = resolve));
  }

  readonly reader = {
    frame: (frame: Frame): void => {
      this.frames.push(frame);
      this.waiting?.();
    },
    unavailable: (cause: SyncError): void => {
      this.unavailable.push(cause);
      this.waiting?.();
    },
    ended: (cause: unknown): void => this.end(cause),
  };

  count(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.waiting = () => {
        if (this.frames.length + this.unavailable.length >= count) resolve();
      };
      this.waiting();
    });
  }
}

let server: HubServer;
let url: string;
let hub: Hub;

beforeEach(async () => {
  server = new HubServer();
  url = await server.start();
});
afterEach(async () => {
  hub?.close();
  await server.stop();
});

describe("a hub over SignalR", () => {
  it("opens its stream with the token, and hands on frames in their order", async () => {
    const reading = new Reading();
    hub = signalRHub(url, () => Promise.resolve("the token"));
    hub.open(reading.reader);
    expect(await server.called("Open")).toMatchObject({ type: 4, arguments: [] });
    server.frames(cut("0/10"), snapshot("s1", [["1", null]]));
    await reading.count(2);
    expect(reading.frames).toEqual([cut("0/10"), snapshot("s1", [["1", null]])]);
    expect(server.tokens).toEqual(["Bearer the token"]);
  });

  it("calls with exactly the arguments of the protocol, null for none", async () => {
    const reading = new Reading();
    hub = signalRHub(url, () => Promise.resolve(""));
    hub.open(reading.reader);
    await server.called("Open");
    await hub.invoke("Attach", "s1", null);
    expect(await server.called("Attach")).toMatchObject({ type: 1, arguments: ["s1", null] });
    expect(server.tokens).toEqual([null]);
  });

  it("opens a further stream with exactly the arguments of the protocol, and reports its items and its end", async () => {
    hub = signalRHub(url, () => Promise.resolve(""));
    hub.open(new Reading().reader);
    await server.called("Open");
    const received: unknown[] = [];
    let ended: (cause: unknown) => void = () => {};
    const end = new Promise<unknown>((resolve) => (ended = resolve));
    hub.stream<Frame>("Channel", ["posts", null], { item: (item) => received.push(item), ended });
    expect(await server.called("Channel")).toMatchObject({ type: 4, arguments: ["posts", null] });
    server.frames(cut("0/10"), cut("0/20"));
    server.complete("An unexpected error occurred invoking 'Channel' on the server. HubException: permission_denied: not yours");
    expect(hubError(await end)).toMatchObject({ code: "permission_denied", message: "not yours" });
    expect(received).toEqual([cut("0/10"), cut("0/20")]);
  });

  it("reports nothing after the reader has ended a stream", async () => {
    hub = signalRHub(url, () => Promise.resolve(""));
    hub.open(new Reading().reader);
    await server.called("Open");
    const received: unknown[] = [];
    const stop = hub.stream<Frame>("Channel", ["posts", "6"], { item: (item) => received.push(item), ended: (cause) => received.push(cause) });
    await server.called("Channel");
    stop();
    server.frames(cut("0/10"));
    await hub.invoke("Detach", "s1");
    expect(received).toEqual([]);
  });

  it("reports a refused call with its code", async () => {
    hub = signalRHub(url, () => Promise.resolve(""));
    hub.open(new Reading().reader);
    await server.called("Open");
    server.refusals.set("Attach", "An unexpected error occurred invoking 'Attach' on the server. HubException: unknown_subscription: no such subscription");
    const cause: unknown = await hub.invoke("Attach", "s1", null).catch((error: unknown) => error);
    expect(hubError(cause)).toMatchObject({ code: "unknown_subscription", message: "no such subscription" });
  });

  it("ends when the connection drops", async () => {
    const reading = new Reading();
    hub = signalRHub(url, () => Promise.resolve(""));
    hub.open(reading.reader);
    await server.called("Open");
    server.drop();
    expect(hubError(await reading.ended)).toMatchObject({ code: "network_error" });
  });

  it("ends when the stream is completed, and when it fails with a code", async () => {
    for (const [error, code] of [[undefined, "network_error"], ["shutting_down: back soon", "shutting_down"]] as const) {
      const reading = new Reading();
      hub = signalRHub(url, () => Promise.resolve(""));
      server.messages.length = 0;
      hub.open(reading.reader);
      await server.called("Open");
      server.complete(error);
      expect(hubError(await reading.ended)).toMatchObject({ code });
      hub.close();
    }
  });

  it("stays connected when the engine has no stream, serves channels, and opens the stream when it is asked again", async () => {
    const reading = new Reading();
    hub = signalRHub(url, () => Promise.resolve(""));
    hub.open(reading.reader);
    await server.called("Open");
    server.complete("source_unavailable: live queries are off");
    await reading.count(1);
    expect(reading.unavailable).toMatchObject([{ code: "source_unavailable", message: "live queries are off" }]);
    hub.stream("Channel", ["room:1", null], { item: () => {}, ended: () => {} });
    expect((await server.called("Channel")).arguments).toEqual(["room:1", null]);

    server.messages.length = 0;
    hub.open(reading.reader);
    await server.called("Open");
    server.frames(cut("0/10"));
    await reading.count(2);
    expect(reading.frames).toEqual([cut("0/10")]);
    // Any error of a stream that has begun ends the connection.
    server.complete("source_unavailable: gone");
    expect(hubError(await reading.ended)).toMatchObject({ code: "source_unavailable" });
    expect(reading.unavailable).toHaveLength(1);
  });

  it("is refused when the negotiation is", async () => {
    server.status = 401;
    const reading = new Reading();
    hub = signalRHub(url, () => Promise.resolve("bad"));
    hub.open(reading.reader);
    expect(hubError(await reading.ended)).toMatchObject({ code: "unauthenticated" });
  });

  it("ends when the token cannot be had", async () => {
    const reading = new Reading();
    hub = signalRHub(url, () => Promise.reject(new Error("no token")));
    hub.open(reading.reader);
    expect(hubError(await reading.ended)).toMatchObject({ code: "network_error" });
  });
});

describe("a client over SignalR", () => {
  it("becomes live, resumes after a drop, and leaves", async () => {
    const client = new SyncClient({ url, reconnect: { initialMilliseconds: 1 }, graceMilliseconds: 0 });
    const query = client.liveQuery("SELECT id, body FROM messages");
    const becomes = (status: string): Promise<void> =>
      new Promise((resolve) => {
        const stop = query.subscribe(() => {
          if (query.status !== status) return;
          resolve();
          queueMicrotask(stop);
        });
      });

    const leave = query.subscribe(() => {});
    const isLive = becomes("live");
    await server.called("Open");
    server.frames(cut("0/10"));
    await server.called("Attach");
    server.frames(snapshot("s1", [["1", "hi"]]), live("s1", "0/10"));
    await isLive;
    expect(query.rows).toEqual([{ id: "1", body: "hi" }]);

    server.messages.length = 0;
    const isLost = becomes("reconnecting");
    server.drop();
    await isLost;
    const isBack = becomes("live");
    await server.called("Open");
    server.frames(cut("0/20"));
    expect((await server.called("Attach")).arguments).toEqual(["s1", "0/10"]);
    server.frames({ type: "diff", sub: "s1", cut: "0/18", added: [["2", "yo"]] }, live("s1", "0/20"));
    await isBack;
    expect(query.rows).toEqual([{ id: "1", body: "hi" }, { id: "2", body: "yo" }]);

    const isReleased = server.called("Detach");
    leave();
    expect((await isReleased).arguments).toEqual(["s1"]);
    client.close();
  });
});
