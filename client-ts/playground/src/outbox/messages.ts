import type { ChannelItem, ChannelMessage } from "@syncengine/client";

/** What a listener has heard of a channel. */
export interface Heard {
  /** The newest first, and no more than can be looked through. */
  readonly messages: readonly ChannelMessage[];
  /** Where to go on after a lost connection; null for the beginning of what is held. */
  readonly from: string | null;
  readonly status: "connecting" | "live" | "ended";
  /** What came between was not held any more, and has not been heard. */
  readonly hasGap: boolean;
  readonly error: string | null;
}

export const silence: Heard = { messages: [], from: null, status: "connecting", hasGap: false, error: null };

export const mostMessages = 200;

export function hear(heard: Heard, item: ChannelItem): Heard {
  switch (item.type) {
    case "message":
      return { ...heard, from: item.message.id, messages: [item.message, ...heard.messages].slice(0, mostMessages) };
    case "live":
      return { ...heard, status: "live", from: item.id ?? heard.from, error: null };
    case "reset":
      // All that is held follows.
      return { ...heard, messages: [], hasGap: true };
    case "error":
      return { ...heard, status: "ended", error: textOf(item) };
  }
}

/** What a refusal says, and what to do about it. */
export const textOf = ({ code, message, hint }: { readonly code: string; readonly message?: string | undefined; readonly hint?: string | undefined }): string => [message ?? code, hint].filter(Boolean).join(". ");

/** What a backend would run to be heard here. */
export const insertInto = (channel: string): string =>
  `INSERT INTO outbox (mutation_id, channel, name, data) VALUES (gen_random_uuid(), '${channel.replaceAll("'", "''")}', 'greeting', '{"text": "hello"}');`;
