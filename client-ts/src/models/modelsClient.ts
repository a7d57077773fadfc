import { systemClock } from "../clock.js";
import { compareIds } from "./messageIds.js";
import { Model, type ModelSpec } from "./model.js";
import { backoffRetry, retentionMilliseconds, type ModelsClientOptions, type Settings } from "./options.js";

/** The models of an application, one per channel. */
export class ModelsClient {
  /** Returns the model of a channel. The first spec of a channel is used. */
  readonly models = { get: <T, P extends readonly unknown[]>(spec: ModelSpec<T, P>): Model<T, P> => this.get(spec) };

  private readonly settings: Settings;
  private readonly byChannel = new Map<string, unknown>();

  constructor(options: ModelsClientOptions) {
    const { syncOptions = {}, eventBufferOptions = {}, optimisticEventOptions = {} } = options;
    const historyPageSize = syncOptions.historyPageSize ?? 100;
    if (!Number.isInteger(historyPageSize) || historyPageSize < 1 || historyPageSize > 1_000) throw new RangeError("historyPageSize is a whole number from 1 to 1000");
    this.settings = {
      source: options.source,
      historyPageSize,
      retentionMilliseconds: retentionMilliseconds[syncOptions.messageRetentionPeriod ?? "2m"],
      retryStrategy: syncOptions.retryStrategy ?? backoffRetry,
      bufferMilliseconds: eventBufferOptions.bufferMs ?? 0,
      compareIds: eventBufferOptions.eventOrderer ?? compareIds,
      timeoutMilliseconds: optimisticEventOptions.timeout ?? 5_000,
      warn: options.warn ?? ((text) => console.warn(text)),
      clock: options.clock ?? systemClock,
    };
  }

  private get<T, P extends readonly unknown[]>(spec: ModelSpec<T, P>): Model<T, P> {
    const known = this.byChannel.get(spec.channelName) as Model<T, P> | undefined;
    if (known !== undefined && known.state !== "disposed") return known;
    const model = new Model<T, P>(spec, this.settings);
    this.byChannel.set(spec.channelName, model);
    return model;
  }
}
