/** A change of a model's data, as the backend tells it or as it is expected to. */
export interface ModelEvent {
  /** Made up by whoever makes the change, and handed back by the backend: it joins the two. */
  readonly mutationId: string;
  readonly name: string;
  readonly data?: unknown;
}

/** A change that the backend has not confirmed yet. */
export interface OptimisticEvent extends ModelEvent {
  readonly confirmed: false;
}

/** A change as the backend made it. */
export interface ConfirmedEvent extends ModelEvent {
  readonly confirmed: true;
  /** The id of its message; it rises along the channel. */
  readonly sequenceId: string;
  /** The backend refused it. Rejected events are never merged. */
  readonly rejected: boolean;
}

/** Makes the next state. Pure: it is called again with the same event whenever the pending changes are put upon a newer confirmed state. */
export type Merge<T> = (state: T, event: OptimisticEvent | ConfirmedEvent) => T;
