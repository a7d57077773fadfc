export { Mutations, type MutationsOptions } from "./mutations.js";
export { WriteRefused, type Change, type Mutation, type MutationHandle, type Send } from "./mutation.js";
export { OptimisticQuery, type OptimisticState } from "./optimisticQuery.js";
export type { Apply } from "./overlay.js";
export { localStorageMutations, webLock, type Lock, type MutationStorage } from "./storage.js";
export { RollbackError, type RollbackCode } from "../rollbackError.js";
