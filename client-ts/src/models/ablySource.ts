import { systemClock, type Clock } from "../clock.js";
import type { MessageReader, MessageSource, OpenOptions, SourceMessage } from "./messageSource.js";
import { messagesAfter, type HistoryPage } from "./replay.js";

/** The members of a message of Ably's client that are used. */
export interface AblyMessage {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly data?: unknown;
  readonly extras?: unknown;
}

export interface AblyStateChange {
  readonly current: string;
  readonly resumed?: boolean;
  readonly reason?: { readonly message: string } | null | undefined;
}

/** The members of a channel of Ably's client that are used. */
export interface AblyChannel {
  readonly state: string;
  attach(): Promise<unknown>;
  detach(): Promise<unknown>;
  subscribe(listener: (message: AblyMessage) => void): Promise<unknown>;
  unsubscribe(listener: (message: AblyMessage) => void): void;
  history(params: { untilAttach: boolean; limit: number; direction: "backwards" }): Promise<HistoryPage<AblyMessage>>;
  on(listener: (change: AblyStateChange) => void): void;
  off(listener: (change: AblyStateChange) => void): void;
}

/** The members of Ably's realtime client, version 2, that are used; `new Ably.Realtime(…)` has them. */
export interface AblyRealtime {
  readonly channels: { get(name: string): AblyChannel };
  readonly connection: {
    readonly state: string;
    on(listener: (change: { readonly current: string }) => void): void;
    off(listener: (change: { readonly current: string }) => void): void;
  };
}

/** Channels of Ably: history up to the attachment, then new messages. */
export function ablySource(client: AblyRealtime, clock: Clock = systemClock): MessageSource {
  return {
    open(channelName, after, reader, options) {
      const feed = new AblyFeed(client, client.channels.get(channelName), reader, clock);
      void feed.open(after, options);
      return () => feed.close();
    },
  };
}

class AblyFeed {
  private isOver = false;
  /** Messages that arrive before history has been read; null from then on. */
  private arrived: AblyMessage[] | null = [];
  private isAttached = false;
  private attachedHere = false;
  private awaySince: number | null = null;
  private wasConnected: boolean;

  constructor(
    private readonly client: AblyRealtime,
    private readonly channel: AblyChannel,
    private readonly reader: MessageReader,
    private readonly clock: Clock,
  ) {
    this.wasConnected = client.connection.state === "connected";
  }

  async open(after: string, { historyPageSize, compareIds }: OpenOptions): Promise<void> {
    try {
      this.channel.on(this.stateChanged);
      this.client.connection.on(this.connectionChanged);
      // The application may have attached the channel already. Then history overlaps with the messages that arrive.
      this.attachedHere = this.channel.state !== "attached";
      await this.channel.subscribe(this.arrive);
      await this.channel.attach();
      this.isAttached = true;
      if (this.isOver) return;
      const first = await this.channel.history({ untilAttach: this.attachedHere, limit: historyPageSize, direction: "backwards" });
      const held = await messagesAfter(first, after, compareIds);
      if (this.isOver) return;
      if (held === null) {
        this.end(() => this.reader.outOfReach());
        return;
      }
      for (const message of held) this.deliver(message);
      const last = held.at(-1)?.id ?? after;
      for (const message of this.arrived!) if (message.id === undefined || compareIds(message.id, last) > 0) this.deliver(message);
      this.arrived = null;
      if (!this.isOver) this.reader.live();
    } catch (cause) {
      this.end(() => this.reader.failed(cause instanceof Error ? cause : new Error(reasonOf(cause))));
    }
  }

  close(): void {
    this.end(() => {});
  }

  private readonly arrive = (message: AblyMessage): void => {
    if (this.arrived !== null) this.arrived.push(message);
    else this.deliver(message);
  };

  // The beginning of the latest outage. One that began while the channel was attaching belongs to the outage before.
  private readonly connectionChanged = ({ current }: { readonly current: string }): void => {
    const isConnected = current === "connected";
    if (this.wasConnected && !isConnected && (this.awaySince === null || this.channel.state === "attached")) this.awaySince = this.clock.now();
    this.wasConnected = isConnected;
  };

  private readonly stateChanged = (change: AblyStateChange): void => {
    if (!this.isAttached || this.isOver) return;
    if (change.current === "attached" && change.resumed !== true) {
      const away = this.awaySince === null ? 0 : this.clock.now() - this.awaySince;
      this.end(() => this.reader.discontinuity(away));
    } else if (change.current === "failed" || change.current === "detached") {
      this.end(() => this.reader.failed(new Error(change.reason?.message ?? `the channel is ${change.current}`)));
    }
  };

  private deliver(message: AblyMessage): void {
    if (this.isOver || message.id === undefined) return;
    this.reader.message(sourceMessage(message));
  }

  private end(notify: () => void): void {
    if (this.isOver) return;
    this.isOver = true;
    this.channel.unsubscribe(this.arrive);
    this.channel.off(this.stateChanged);
    this.client.connection.off(this.connectionChanged);
    // Detaching fails when the channel is no longer attached.
    if (this.attachedHere) this.channel.detach().catch(() => {});
    notify();
  }
}

function sourceMessage({ id, name, data, extras }: AblyMessage): SourceMessage {
  const headers = typeof extras === "object" && extras !== null ? (extras as { headers?: unknown }).headers : undefined;
  return { id: id!, name: name ?? "", data, headers: typeof headers === "object" && headers !== null ? (headers as SourceMessage["headers"]) : {} };
}

/** Not every version of Ably's ErrorInfo is an Error. */
function reasonOf(cause: unknown): string {
  return typeof cause === "object" && cause !== null && "message" in cause ? String(cause.message) : String(cause);
}
