/** A message of a channel, its data decoded. */
export interface SourceMessage {
  readonly id: string;
  readonly name: string;
  readonly data?: unknown;
  readonly headers: { readonly [name: string]: unknown };
}

/** Compares message ids: negative when `left` comes first, zero when they are the same. */
export type CompareIds = (left: string, right: string) => number;

export interface OpenOptions {
  /** Messages per page of history. */
  readonly historyPageSize: number;
  readonly compareIds: CompareIds;
}

/** Reader of a channel. Nothing is called after `outOfReach`, `discontinuity` or `failed`, or after it was closed. */
export interface MessageReader {
  message(message: SourceMessage): void;
  /** All held messages have been passed on; new ones follow. Called once. */
  live(): void;
  /** Messages after the requested id are no longer held. */
  outOfReach(): void;
  /** Messages may have been missed: the channel was away for at most so long. */
  discontinuity(awayMilliseconds: number): void;
  failed(error: Error): void;
}

/** A source of messages. */
export interface MessageSource {
  /**
   * Passes on the messages of a channel whose id comes after `after`: first the held ones, then new ones, in order.
   * `0` stands for the beginning. The result closes the channel.
   * An implementation resumes by itself after a lost connection when it knows that nothing was missed.
   */
  open(channelName: string, after: string, reader: MessageReader, options: OpenOptions): () => void;
}

/** The id before all held messages. */
export const beginning = "0";

/** Messages of a replay at most. With more, reading the state again is cheaper. */
export const maximumReplayed = 100_000;
