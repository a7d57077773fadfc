import type { Clock } from "../clock.js";
import type { CompareIds, MessageSource } from "./messageSource.js";

/** How long the channel keeps its messages. */
export type MessageRetentionPeriod = "2m" | "24h" | "72h";

/** The wait before try number `attempt` (1 is the first repetition), in milliseconds. Less than 0 gives up. */
export type RetryStrategy = (attempt: number) => number;

export interface SyncOptions {
  /** Messages per page of history: 1 to 1,000. Default 100. */
  readonly historyPageSize?: number;
  /** A model that was away for longer (less five seconds) reads its state again. Default `2m`. */
  readonly messageRetentionPeriod?: MessageRetentionPeriod;
  /** Default: doubled from 1 s, at most 60 s, ten times. */
  readonly retryStrategy?: RetryStrategy;
}

export interface EventBufferOptions {
  /** Milliseconds for which live messages wait to be brought into order. Default 0. */
  readonly bufferMs?: number;
  /** Default: as numbers where both ids are numbers, else as texts. */
  readonly eventOrderer?: CompareIds;
}

export interface OptimisticEventOptions {
  /** Milliseconds until an unconfirmed event is rolled back. Default 5,000. */
  readonly timeout?: number;
}

export interface ModelsClientOptions {
  readonly source: MessageSource;
  readonly syncOptions?: SyncOptions;
  readonly eventBufferOptions?: EventBufferOptions;
  readonly optimisticEventOptions?: OptimisticEventOptions;
  /** Receives a text about each message that is skipped, and why. Default `console.warn`. */
  readonly warn?: (text: string) => void;
  /** Time, for tests. */
  readonly clock?: Clock;
}

/** The options of a client, complete. */
export interface Settings {
  readonly source: MessageSource;
  readonly historyPageSize: number;
  readonly retentionMilliseconds: number;
  readonly retryStrategy: RetryStrategy;
  readonly bufferMilliseconds: number;
  readonly compareIds: CompareIds;
  readonly timeoutMilliseconds: number;
  readonly warn: (text: string) => void;
  readonly clock: Clock;
}

export const retentionMilliseconds: Readonly<Record<MessageRetentionPeriod, number>> = { "2m": 120_000, "24h": 86_400_000, "72h": 259_200_000 };

export const backoffRetry: RetryStrategy = (attempt) => (attempt > 10 ? -1 : Math.min(60_000, 1_000 * 2 ** (attempt - 1)));
