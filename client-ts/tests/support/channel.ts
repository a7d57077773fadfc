import type { ConfirmedEvent, Merge, OptimisticEvent } from "../../src/models/events.js";
import type { MessageReader, MessageSource, OpenOptions, SourceMessage } from "../../src/models/messageSource.js";

/** A message as the outbox connector publishes it. */
export function message(id: number | string, mutationId: string | null, data: unknown = null, options: { readonly name?: string; readonly isRejected?: boolean } = {}): SourceMessage {
  const headers: Record<string, unknown> = {};
  if (mutationId !== null) headers["x-ably-models-event-uuid"] = mutationId;
  if (options.isRejected === true) headers["x-ably-models-reject"] = "true";
  return { id: String(id), name: options.name ?? "added", data, headers };
}

/** A feed that a model has opened, in the hands of the test. */
export interface ScriptedFeed {
  readonly channel: string;
  readonly after: string;
  readonly reader: MessageReader;
  readonly options: OpenOptions;
  isClosed: boolean;
}

export class ScriptedSource implements MessageSource {
  readonly feeds: ScriptedFeed[] = [];

  open(channel: string, after: string, reader: MessageReader, options: OpenOptions): () => void {
    const feed: ScriptedFeed = { channel, after, reader, options, isClosed: false };
    this.feeds.push(feed);
    return () => {
      feed.isClosed = true;
    };
  }

  get feed(): ScriptedFeed {
    return this.feeds.at(-1)!;
  }

  send(...messages: SourceMessage[]): void {
    for (const each of messages) this.feed.reader.message(each);
  }
}

/** A state that shows what was merged, in which order. */
export type Merged = readonly string[];

export const merge: Merge<Merged> = (state: Merged, event: OptimisticEvent | ConfirmedEvent) => {
  if (event.data === "poison") throw new Error("cannot merge poison");
  return [...state, event.confirmed ? event.mutationId : `${event.mutationId}?`];
};
