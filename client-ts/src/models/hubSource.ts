import type { ChannelReader, ConnectionListener, SyncClient } from "../client.js";
import type { ChannelItem, ChannelMessage } from "../protocol.js";
import { SyncError } from "../syncError.js";
import { beginning, maximumReplayed, type CompareIds, type MessageReader, type MessageSource, type SourceMessage } from "./messageSource.js";

/** Channels of the engine's own hub: held messages after an id, then new ones. After a lost connection it resumes. */
export function hubSource(client: Pick<SyncClient, "keepConnected" | "channel">): MessageSource {
  return {
    open(channelName, after, reader, { compareIds }) {
      const feed = new HubFeed(client, channelName, after === beginning ? null : after, reader, compareIds);
      return () => feed.close();
    },
  };
}

class HubFeed implements ConnectionListener, ChannelReader {
  private readonly release: () => void;
  private stop = (): void => {};
  private hasOpened = false;
  private isLive = false;
  /** Messages after a `reset`: the hub could not resume at the id, because an id of the outbox need not be one of this channel. */
  private held: ChannelMessage[] | null = null;
  private isOver = false;

  constructor(
    private readonly client: Pick<SyncClient, "keepConnected" | "channel">,
    private readonly channelName: string,
    private from: string | null,
    private readonly reader: MessageReader,
    private readonly compareIds: CompareIds,
  ) {
    this.release = client.keepConnected(this);
  }

  opened(): void {
    this.hasOpened = true;
    this.stop = this.client.channel(this.channelName, this.from, this);
  }

  lost(error?: SyncError): void {
    this.stop();
    this.stop = () => {};
    this.held = null;
    // Without a first connection the reader gets the reason, and decides about further tries.
    if (error !== undefined && !this.hasOpened) this.end(() => this.reader.failed(error));
  }

  refused(error: SyncError): void {
    this.end(() => this.reader.failed(error));
  }

  item(item: ChannelItem): void {
    if (this.isOver) return;
    switch (item.type) {
      case "message":
        if (this.held === null) this.deliver(item.message);
        else if (this.held.push(item.message) > maximumReplayed) this.end(() => this.reader.outOfReach());
        break;
      case "live":
        if (!this.deliverHeld()) break;
        // The channel was empty: with 0 the hub notices messages that are missed from now on.
        this.from = item.id ?? beginning;
        if (!this.isLive) this.reader.live();
        this.isLive = true;
        break;
      case "reset":
        if (this.isLive) this.end(() => this.reader.outOfReach());
        else this.held = [];
        break;
      case "error":
        this.end(() => this.reader.failed(new SyncError(item)));
        break;
    }
  }

  ended(error: Error | null): void {
    // A lost connection is its own event, and the next connection resumes.
    if ((error as { code?: string } | null)?.code === "network_error") return;
    this.end(() => this.reader.failed(error ?? new Error(`the stream of the channel ${this.channelName} was completed`)));
  }

  close(): void {
    this.end(() => {});
  }

  private deliver(message: ChannelMessage): void {
    this.from = message.id;
    this.reader.message(sourceMessage(message));
  }

  /** Messages after the id are complete when the held ones begin at the id or before it, or when there are none. */
  private deliverHeld(): boolean {
    const { held, from } = this;
    this.held = null;
    if (held === null) return true;
    if (from !== null && held.length > 0 && this.compareIds(held[0]!.id, from) > 0) {
      this.end(() => this.reader.outOfReach());
      return false;
    }
    for (const message of held) if (!this.isOver && (from === null || this.compareIds(message.id, from) > 0)) this.deliver(message);
    return !this.isOver;
  }

  private end(notify: () => void): void {
    if (this.isOver) return;
    this.isOver = true;
    this.stop();
    this.release();
    notify();
  }
}

function sourceMessage({ id, name, data, encoding, extras }: ChannelMessage): SourceMessage {
  return { id, name, data: encoding === "json" && typeof data === "string" ? decode(data) : data, headers: extras?.headers ?? {} };
}

/** Text that is not JSON is passed on unchanged, as Ably's client does. */
function decode(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
