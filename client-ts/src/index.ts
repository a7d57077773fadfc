export { SyncClient, type ChannelReader, type ConnectionListener, type SyncClientOptions, type WriteOutcome } from "./client.js";
export type { LiveQuery, LiveState, LiveStatus, Observation, Row } from "./liveQuery.js";
export type { NamedQuery, Param } from "./query.js";
export type { Value } from "./values.js";
export type { TokenOption } from "./token.js";
export type { Backoff } from "./backoff.js";
export { SyncError, type ErrorClass } from "./syncError.js";
export { compareCuts } from "./cut.js";
export type * from "./protocol.js";
