import type { AblyChannel, AblyMessage, AblyRealtime, AblyStateChange } from "../../src/models/ablySource.js";
import type { HistoryPage } from "../../src/models/replay.js";
import { allSettled } from "./engine.js";

type Listener<T> = (value: T) => void;

/** A channel of the service, which clients attach to: it keeps its messages, and each has a serial. */
class ServiceChannel {
  readonly messages: AblyMessage[] = [];
  /** Serials below this one have expired. */
  expired = 0;
}

/**
 * Ably's realtime client, version 2, and the service behind it, from the reference of its documentation: attaching is asynchronous, subscribing attaches,
 * only attached channels of a connected client receive, history with `untilAttach` ends at the attach point and needs an attached channel, pages
 * have at most `limit` items, the newest first; a channel that is attached again without continuity has `resumed: false`.
 */
export class FakeAbly implements AblyRealtime {
  readonly service = new Map<string, ServiceChannel>();
  readonly made = new Map<string, FakeChannel>();
  /** So many history requests fail. */
  failingHistories = 0;
  readonly historyLimits: number[] = [];
  private readonly connectionListeners = new Set<Listener<{ readonly current: string }>>();

  readonly channels = {
    get: (name: string): FakeChannel => {
      let channel = this.made.get(name);
      if (channel === undefined) this.made.set(name, (channel = new FakeChannel(this, this.serviceChannel(name))));
      return channel;
    },
  };

  readonly connection = {
    state: "connected",
    on: (listener: Listener<{ readonly current: string }>): void => void this.connectionListeners.add(listener),
    off: (listener: Listener<{ readonly current: string }>): void => void this.connectionListeners.delete(listener),
  };

  /** Over REST, by a backend. */
  publish(name: string, message: AblyMessage): void {
    this.serviceChannel(name).messages.push(message);
    this.made.get(name)?.deliver(message);
  }

  /** Messages before the serial are no longer kept. */
  expire(name: string, serial: number): void {
    this.serviceChannel(name).expired = serial;
  }

  setConnection(current: string): void {
    this.connection.state = current;
    for (const listener of [...this.connectionListeners]) listener({ current });
  }

  private serviceChannel(name: string): ServiceChannel {
    let channel = this.service.get(name);
    if (channel === undefined) this.service.set(name, (channel = new ServiceChannel()));
    return channel;
  }
}

export class FakeChannel implements AblyChannel {
  state = "initialized";
  refusal: string | null = null;
  readonly subscribers = new Set<Listener<AblyMessage>>();
  readonly stateListeners = new Set<Listener<AblyStateChange>>();
  private attachSerial = 0;

  constructor(
    private readonly client: FakeAbly,
    private readonly channel: ServiceChannel,
  ) {}

  async attach(): Promise<unknown> {
    if (this.state === "attached") return null;
    this.set("attaching");
    await allSettled();
    if (this.refusal !== null) {
      this.set("failed", { reason: { message: this.refusal } });
      throw Object.assign(new Error(this.refusal), { code: 40160, statusCode: 401 });
    }
    this.attachSerial = this.channel.messages.length;
    this.set("attached", { resumed: false });
    return null;
  }

  async detach(): Promise<unknown> {
    if (this.state === "initialized") return;
    this.set("detaching");
    await allSettled();
    if (this.state === "detaching") this.set("detached");
    return null;
  }

  async subscribe(listener: Listener<AblyMessage>): Promise<unknown> {
    this.subscribers.add(listener);
    return this.attach();
  }

  unsubscribe(listener: Listener<AblyMessage>): void {
    this.subscribers.delete(listener);
  }

  on(listener: Listener<AblyStateChange>): void {
    this.stateListeners.add(listener);
  }

  off(listener: Listener<AblyStateChange>): void {
    this.stateListeners.delete(listener);
  }

  async history({ untilAttach, limit }: { untilAttach: boolean; limit: number }): Promise<HistoryPage<AblyMessage>> {
    this.client.historyLimits.push(limit);
    if (untilAttach && this.state !== "attached") throw new Error("option untilAttach requires the channel to be attached");
    await allSettled();
    if (this.client.failingHistories > 0) {
      this.client.failingHistories--;
      throw Object.assign(new Error("history is not there"), { code: 50000, statusCode: 500 });
    }
    const end = untilAttach ? this.attachSerial : this.channel.messages.length;
    const newest = this.channel.messages.slice(this.channel.expired, end).reverse();
    const page = (from: number): HistoryPage<AblyMessage> => ({
      items: newest.slice(from, from + limit),
      hasNext: () => from + limit < newest.length,
      next: async () => {
        await allSettled();
        return from + limit < newest.length ? page(from + limit) : null;
      },
    });
    return page(0);
  }

  /** Attached again by the service, with or without what was missed. */
  attachedAgain(resumed: boolean): void {
    this.attachSerial = this.channel.messages.length;
    this.set("attached", { resumed });
  }

  deliver(message: AblyMessage): void {
    if (this.state === "attached" && this.client.connection.state === "connected") for (const listener of [...this.subscribers]) listener(message);
  }

  set(current: string, more: Partial<AblyStateChange> = {}): void {
    this.state = current;
    for (const listener of [...this.stateListeners]) listener({ current, ...more });
  }
}
