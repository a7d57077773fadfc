import { expect } from "vitest";
import { SyncClient, type SyncClientOptions } from "../../src/client.js";
import type { Clock } from "../../src/clock.js";
import type { Hub, ItemReader, StreamReader } from "../../src/hub.js";
import type { ChannelItem, ErrorBody, Frame, SubscribeAnswer } from "../../src/protocol.js";
import { SyncError } from "../../src/syncError.js";
import { answer } from "./frames.js";

/** A clock that a test moves. */
export class ManualClock implements Clock {
  private time = Date.UTC(2026, 10, 20);
  private timers: { readonly at: number; readonly action: () => void }[] = [];

  now(): number {
    return this.time;
  }

  after(milliseconds: number, action: () => void): () => void {
    const timer = { at: this.time + milliseconds, action };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  random(): number {
    return 0.5;
  }

  /** Sets the clock of the machine; timers run on unchanged. */
  set(milliseconds: number): void {
    const moved = milliseconds - this.time;
    this.time = milliseconds;
    this.timers = this.timers.map(({ at, action }) => ({ at: at + moved, action }));
  }

  /** Runs what falls due on the way, and what follows from it. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.time + milliseconds;
    for (;;) {
      const due = this.timers.filter((timer) => timer.at <= end).sort((left, right) => left.at - right.at)[0];
      if (due === undefined) break;
      this.timers = this.timers.filter((timer) => timer !== due);
      this.time = due.at;
      due.action();
      await allSettled();
    }
    this.time = end;
  }

  /** Milliseconds until each timer that runs, without the time limits of requests. */
  get pending(): number[] {
    return this.timers.map((timer) => timer.at - this.time).sort((left, right) => left - right);
  }
}

/** Resolves when every promise that can continue has continued. Nothing in these tests waits for the outside. */
export function allSettled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

interface Request {
  readonly line: string;
  readonly body: unknown;
  readonly authorization: string | null;
}

/** A stream of a channel, in the hands of the test. */
export interface ScriptedStream {
  readonly values: readonly unknown[];
  readonly reader: ItemReader<ChannelItem>;
  isDisposed: boolean;
}

/** One hub connection, in the hands of the test. */
export class ScriptedHub implements Hub {
  readonly calls: unknown[][] = [];
  readonly streams: ScriptedStream[] = [];
  isClosed = false;
  /** How often the stream was asked for. */
  opened = 0;
  tokenSent: string | null = null;
  private reader: StreamReader | null = null;

  constructor(
    readonly url: string,
    private readonly token: () => Promise<string>,
    private readonly engine: ScriptedEngine,
  ) {}

  open(reader: StreamReader): void {
    this.opened++;
    this.reader = reader;
    if (this.opened > 1) return;
    void this.token().then((token) => {
      this.tokenSent = token;
    }, (cause: unknown) => reader.ended(cause));
  }

  invoke(...call: Parameters<Hub["invoke"]>): Promise<unknown> {
    this.calls.push(call);
    if (call[0] === "Await" && this.engine.await !== null) return this.engine.await(call[1] as string, call[2] as number);
    const refusal = this.engine.refusals.shift();
    // The text of SignalR's own client.
    if (refusal !== undefined) return Promise.reject(new Error(`An unexpected error occurred invoking '${call[0]}' on the server. HubException: ${refusal}`));
    return Promise.resolve(null);
  }

  stream<Item>(_method: "Channel", values: readonly unknown[], reader: ItemReader<Item>): () => void {
    const stream: ScriptedStream = { values, reader: reader as ItemReader<unknown>, isDisposed: false };
    this.streams.push(stream);
    return () => {
      stream.isDisposed = true;
    };
  }

  close(): void {
    this.isClosed = true;
  }

  async send(...frames: Frame[]): Promise<void> {
    for (const frame of frames) this.reader!.frame(frame);
    await allSettled();
  }

  /** Refuses the open stream, as an engine does whose database does not stream. */
  async refuseStream(): Promise<void> {
    this.reader!.unavailable(new SyncError({ code: "source_unavailable", message: "live queries are off" }));
    await allSettled();
  }

  async end(cause: unknown = new Error("WebSocket closed with status code: 1006")): Promise<void> {
    this.reader!.ended(cause);
    await allSettled();
  }
}

/** An engine whose answers and frames are written by the test. */
export class ScriptedEngine {
  readonly clock = new ManualClock();
  readonly requests: Request[] = [];
  readonly hubs: ScriptedHub[] = [];
  /** The refusals of the next hub calls, as `code: text`. */
  readonly refusals: string[] = [];
  /** Answers the hub's Await, instead of nothing. */
  await: ((id: string, milliseconds: number) => Promise<unknown>) | null = null;
  /** The next answers to POST /subscribe; without any, subscriptions are s1, s2, … of messages. */
  readonly answers: (SubscribeAnswer | Response | Error | Promise<SubscribeAnswer>)[] = [];
  private made = 0;

  readonly fetch: typeof globalThis.fetch = async (url, init) => {
    const line = `${init?.method} ${String(url).replace("http://engine", "")}`;
    const body: unknown = init?.body == null ? null : JSON.parse(init.body as string);
    this.requests.push({ line, body, authorization: new Headers(init?.headers).get("Authorization") });
    if (line.startsWith("DELETE ")) return new Response(null, { status: 204 });
    expect(line).toBe("POST /subscribe");
    const next = await (this.answers.shift() ?? answer(`s${++this.made}`));
    if (next instanceof Error) throw next;
    return next instanceof Response ? next : Response.json(next, { status: 201 });
  };

  client(options: Partial<SyncClientOptions> = {}): SyncClient {
    return new SyncClient(
      { url: "http://engine/", fetch: this.fetch, ...options },
      {
        clock: this.clock,
        hub: (url, token) => {
          const hub = new ScriptedHub(url, token, this);
          this.hubs.push(hub);
          return hub;
        },
      },
    );
  }

  get hub(): ScriptedHub {
    return this.hubs.at(-1)!;
  }

  get lines(): string[] {
    return this.requests.map(({ line }) => line);
  }
}

export function problem(status: number, body: ErrorBody & { title?: string }, headers: Record<string, string> = {}): Response {
  return Response.json(body, { status, headers: { "Content-Type": "application/problem+json", ...headers } });
}

/** A token whose payload says when it expires. */
export function jwt(expiresAtMilliseconds: number, name = "a"): string {
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${encode({ alg: "HS256" })}.${encode({ sub: `ü${name}`, exp: expiresAtMilliseconds / 1000 })}.signature`;
}
