import type { ChannelReader, ConnectionHolder, SyncClient } from "../client.js";
import type { ChannelItem, ChannelMessage } from "../protocol.js";
import { SyncError } from "../syncError.js";
import { beginning, mostReplayed, type CompareIds, type MessageReader, type MessageSource, type SourceMessage } from "./messageSource.js";

/** Channels of the engine's own hub: it tells what it holds after an id, and what follows. After a lost connection it goes on where it was. */
export function hubSource(client: Pick<SyncClient, "hold" | "channel">): MessageSource {
  return {
    open(channelName, after, reader, { compareIds }) {
      const feed = new HubFeed(client, channelName, after === beginning ? null : after, reader, compareIds);
      return () => feed.close();
    },
  };
}

class HubFeed implements ConnectionHolder, ChannelReader {
  private readonly release: () => void;
  private stop = (): void => {};
  private hasOpened = false;
  private isLive = false;
  /** All that is held, where the hub could not go on from the id: an id of the whole outbox need not be one of this channel. */
  private held: ChannelMessage[] | null = null;
  private isOver = false;

  constructor(
    private readonly client: Pick<SyncClient, "hold" | "channel">,
    private readonly channelName: string,
    private from: string | null,
    private readonly reader: MessageReader,
    private readonly compareIds: CompareIds,
  ) {
    this.release = client.hold(this);
  }

  opened(): void {
    this.hasOpened = true;
    this.stop = this.client.channel(this.channelName, this.from, this);
  }

  lost(error?: SyncError): void {
    this.stop();
    this.stop = () => {};
    this.held = null;
    // Whoever waits for a first connection is told why there is none, and decides how often to try.
    if (error !== undefined && !this.hasOpened) this.end(() => this.reader.failed(error));
  }

  refused(error: SyncError): void {
    this.end(() => this.reader.failed(error));
  }

  item(item: ChannelItem): void {
    if (this.isOver) return;
    switch (item.type) {
      case "message":
        if (this.held === null) this.tell(item.message);
        else if (this.held.push(item.message) > mostReplayed) this.end(() => this.reader.outOfReach());
        break;
      case "live":
        if (!this.tellHeld()) break;
        // 0 asks the hub to notice what is missed from the time on when the channel was empty.
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
    // A connection that is lost says so itself, and the next one goes on.
    if ((error as { code?: string } | null)?.code === "network_error") return;
    this.end(() => this.reader.failed(error ?? new Error(`the stream of the channel ${this.channelName} was completed`)));
  }

  close(): void {
    this.end(() => {});
  }

  private tell(message: ChannelMessage): void {
    this.from = message.id;
    this.reader.message(sourceMessage(message));
  }

  /** Messages after the id are complete when what is held begins at it or before, or is nothing at all. */
  private tellHeld(): boolean {
    const { held, from } = this;
    this.held = null;
    if (held === null) return true;
    if (from !== null && held.length > 0 && this.compareIds(held[0]!.id, from) > 0) {
      this.end(() => this.reader.outOfReach());
      return false;
    }
    for (const message of held) if (!this.isOver && (from === null || this.compareIds(message.id, from) > 0)) this.tell(message);
    return !this.isOver;
  }

  private end(tell: () => void): void {
    if (this.isOver) return;
    this.isOver = true;
    this.stop();
    this.release();
    tell();
  }
}

function sourceMessage({ id, name, data, encoding, extras }: ChannelMessage): SourceMessage {
  return { id, name, data: encoding === "json" && typeof data === "string" ? decode(data) : data, headers: extras?.headers ?? {} };
}

/** Text that is no JSON is handed on as it is, as Ably's client does. */
function decode(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
