import type { ChannelItem, ChannelMessage } from "@syncengine/client";

/** The messages of a channel that have been received. */
export interface ChannelLog {
  /** The newest first, at most `maximumMessages`. */
  readonly messages: readonly ChannelMessage[];
  /** The id to resume from after a lost connection; null for all held messages. */
  readonly from: string | null;
  readonly status: "connecting" | "live" | "ended";
  /** Messages in between are no longer held, and have not been received. */
  readonly hasGap: boolean;
  readonly error: string | null;
}

export const emptyLog: ChannelLog = { messages: [], from: null, status: "connecting", hasGap: false, error: null };

export const maximumMessages = 200;

export function append(log: ChannelLog, item: ChannelItem): ChannelLog {
  switch (item.type) {
    case "message":
      return { ...log, from: item.message.id, messages: [item.message, ...log.messages].slice(0, maximumMessages) };
    case "live":
      return { ...log, status: "live", from: item.id ?? log.from, error: null };
    case "reset":
      // All held messages follow.
      return { ...log, messages: [], hasGap: true };
    case "error":
      return { ...log, status: "ended", error: textOf(item) };
  }
}

/** The message of a refusal and its hint, in one line. */
export const textOf = ({ code, message, hint }: { readonly code: string; readonly message?: string | undefined; readonly hint?: string | undefined }): string => [message ?? code, hint].filter(Boolean).join(". ");

/** The statement with which a backend publishes to the channel. */
export const insertInto = (channel: string): string =>
  `INSERT INTO outbox (mutation_id, channel, name, data) VALUES (gen_random_uuid(), '${channel.replaceAll("'", "''")}', 'greeting', '{"text": "hello"}');`;
