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
  /** Messages asked for at once, where history comes in pages. */
  readonly historyPageSize: number;
  readonly compareIds: CompareIds;
}

/** Who reads a channel. After `outOfReach`, `discontinuity` or `failed`, and after it was closed, it is told nothing more. */
export interface MessageReader {
  message(message: SourceMessage): void;
  /** All that was held has been told; what follows comes as it happens. Told once. */
  live(): void;
  /** What came after the asked id is not held any more. */
  outOfReach(): void;
  /** Messages may have been missed: the channel was away for so long, at most. */
  discontinuity(awayMilliseconds: number): void;
  failed(error: Error): void;
}

/** Where messages come from. */
export interface MessageSource {
  /**
   * Tells the messages of a channel whose id comes after `after`, first those that are held and then live ones, in their order. `0` stands for
   * the beginning. The answer closes the channel. An implementation goes on by itself after a lost connection when it knows that nothing was missed.
   */
  open(channelName: string, after: string, reader: MessageReader, options: OpenOptions): () => void;
}

/** Where a replay begins that tells all that is held. */
export const beginning = "0";

/** So many messages are replayed at most; more are as good as out of reach, and reading the state anew is cheaper. */
export const mostReplayed = 100_000;
