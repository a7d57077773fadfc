import type { ChannelReader, ConnectionHolder, SyncClient } from "../client.js";
import type { ChannelItem, ChannelMessage } from "../protocol.js";
import { beginning, type MessageReader, type MessageSource, type SourceMessage } from "./messageSource.js";

/** Channels of the engine's own hub: it tells what it holds after an id, and what follows. After a lost connection it goes on where it was. */
export function hubSource(client: Pick<SyncClient, "hold" | "channel">): MessageSource {
  return {
    open(channelName, after, reader) {
      const feed = new HubFeed(client, channelName, after === beginning ? null : after, reader);
      return () => feed.close();
    },
  };
}

class HubFeed implements ConnectionHolder, ChannelReader {
  private readonly release: () => void;
  private stop = (): void => {};
  private isLive = false;
  private isOver = false;

  constructor(
    private readonly client: Pick<SyncClient, "hold" | "channel">,
    private readonly channelName: string,
    private from: string | null,
    private readonly reader: MessageReader,
  ) {
    this.release = client.hold(this);
  }

  opened(): void {
    this.stop = this.client.channel(this.channelName, this.from, this);
  }

  lost(): void {
    this.stop();
    this.stop = () => {};
  }

  item(item: ChannelItem): void {
    if (this.isOver) return;
    if (item.type === "message") {
      this.from = item.message.id;
      this.reader.message(sourceMessage(item.message));
    } else if (item.type === "live") {
      this.from = item.id ?? this.from;
      if (!this.isLive) this.reader.live();
      this.isLive = true;
    } else {
      this.end(() => this.reader.outOfReach());
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
