export { ModelsClient } from "./modelsClient.js";
export type { Model, ModelData, ModelListener, ModelSpec, ModelState, ModelStateChange, Sync, Synced } from "./model.js";
export type { ConfirmedEvent, Merge, ModelEvent, OptimisticEvent } from "./events.js";
export type { EventBufferOptions, MessageRetentionPeriod, ModelsClientOptions, OptimisticEventOptions, RetryStrategy, SyncOptions } from "./options.js";
export type { CompareIds, MessageReader, MessageSource, OpenOptions, SourceMessage } from "./messageSource.js";
export { ablySource, type AblyChannel, type AblyMessage, type AblyRealtime, type AblyStateChange } from "./ablySource.js";
export { hubSource } from "./hubSource.js";
export type { HistoryPage } from "./replay.js";
export { RollbackError, type RollbackCode } from "../rollbackError.js";
