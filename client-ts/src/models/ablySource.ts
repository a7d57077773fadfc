import { systemClock, type Clock } from "../clock.js";
import type { MessageReader, MessageSource, OpenOptions, SourceMessage } from "./messageSource.js";
import { messagesAfter, type HistoryPage } from "./replay.js";

/** What is used of a message of Ably's client. */
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

/** What is used of a channel of Ably's client. */
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

/** What is used of Ably's realtime client, version 2: `new Ably.Realtime(…)` is one. */
export interface AblyRealtime {
  readonly channels: { get(name: string): AblyChannel };
  readonly connection: {
    readonly state: string;
    on(listener: (change: { readonly current: string }) => void): void;
    off(listener: (change: { readonly current: string }) => void): void;
  };
}

/** Channels of Ably: history up to where the channel was attached, then what comes in. */
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
  /** Until history has been told; null from then on. */
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
      // Somebody else may use the channel, too: then its history does not end where this feed begins to listen, and overlaps with what comes in.
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
      for (const message of held) this.tell(message);
      const last = held.at(-1)?.id ?? after;
      for (const message of this.arrived!) if (message.id === undefined || compareIds(message.id, last) > 0) this.tell(message);
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
    else this.tell(message);
  };

  // The beginning of the latest outage: one that began while the channel was still attaching belongs to the outage before.
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

  private tell(message: AblyMessage): void {
    if (this.isOver || message.id === undefined) return;
    this.reader.message(sourceMessage(message));
  }

  private end(tell: () => void): void {
    if (this.isOver) return;
    this.isOver = true;
    this.channel.unsubscribe(this.arrive);
    this.channel.off(this.stateChanged);
    this.client.connection.off(this.connectionChanged);
    // A channel that is not attached any more has nothing to let go.
    if (this.attachedHere) this.channel.detach().catch(() => {});
    tell();
  }
}

function sourceMessage({ id, name, data, extras }: AblyMessage): SourceMessage {
  const headers = typeof extras === "object" && extras !== null ? (extras as { headers?: unknown }).headers : undefined;
  return { id: id!, name: name ?? "", data, headers: typeof headers === "object" && headers !== null ? (headers as SourceMessage["headers"]) : {} };
}

/** Ably's ErrorInfo is no Error in every version. */
function reasonOf(cause: unknown): string {
  return typeof cause === "object" && cause !== null && "message" in cause ? String(cause.message) : String(cause);
}
