import { RollbackError } from "../rollbackError.js";
import { Confirmations } from "./confirmations.js";
import type { ConfirmedEvent, Merge, ModelEvent, OptimisticEvent } from "./events.js";
import { SeenIds } from "./messageIds.js";
import type { SourceMessage } from "./messageSource.js";
import type { Settings } from "./options.js";
import { rebase } from "./rebase.js";

export interface ModelData<T> {
  /** With the pending events; the same object until something changes. */
  readonly optimistic: T;
  readonly confirmed: T;
}

/** The reason why merging stopped: a message that should have come before others, or one that cannot be merged. */
export type Interruption = { readonly type: "late"; readonly id: string } | { readonly type: "unmergeable"; readonly cause: unknown };

const eventUuidHeader = "x-ably-models-event-uuid";
const rejectHeader = "x-ably-models-reject";

/** The data of a model: the state that was read, each confirmed event merged once and in order, and the pending events on top. */
export class EventFold<T> {
  private current: ModelData<T> | null = null;
  private seen: SeenIds | null = null;
  private pending: readonly OptimisticEvent[] = [];
  private readonly confirmations: Confirmations;

  constructor(
    private readonly channelName: string,
    private readonly merge: Merge<T>,
    private readonly settings: Settings,
    private readonly changed: () => void,
  ) {
    this.confirmations = new Confirmations(settings.clock, (error) => this.rollBack(error));
  }

  /** Null before the first. */
  get data(): ModelData<T> | null {
    return this.current;
  }

  /** The id of the last event that is in the data; null before there is any data. */
  get last(): string | null {
    return this.seen?.last ?? null;
  }

  get hasPending(): boolean {
    return this.pending.length > 0;
  }

  /** Replaces the confirmed data by a state that was read; `take` shows it. */
  replace(confirmed: T, base: string): void {
    this.seen = new SeenIds(base, this.settings.compareIds);
    this.current = { optimistic: this.current?.optimistic ?? confirmed, confirmed };
  }

  /** Merges confirmed events, and applies the pending ones on top. */
  take(messages: readonly SourceMessage[]): Interruption | null {
    const seen = this.seen!;
    let confirmed = this.current!.confirmed;
    let interruption: Interruption | null = null;
    const completed: [mutationId: string, error: RollbackError | null][] = [];
    for (const message of messages) {
      const event = this.confirmedEvent(message);
      const status = seen.statusOf(message.id);
      if (event !== null && status === "new" && !event.rejected) {
        try {
          confirmed = this.merge(confirmed, event);
        } catch (cause) {
          interruption = { type: "unmergeable", cause };
          break;
        }
      }
      if (status === "new") seen.add(message.id);
      const pending = event === null ? undefined : this.pending.find(({ mutationId }) => mutationId === event.mutationId);
      if (pending !== undefined) {
        this.pending = this.pending.filter((other) => other !== pending);
        completed.push([pending.mutationId, event!.rejected ? new RollbackError("rejected", pending.mutationId, `events were rejected: ${pending.name}`) : null]);
      }
      if (status === "late") {
        interruption = { type: "late", id: message.id };
        break;
      }
    }
    this.putPending(confirmed);
    for (const [mutationId, error] of completed) this.confirmations.complete(mutationId, error);
    return interruption;
  }

  /** Adds a pending event. An error of `merge` is thrown, and nothing changes then. */
  expect({ mutationId, name, data }: ModelEvent, timeoutMilliseconds: number): [confirmation: Promise<void>, cancel: () => void] {
    if (!isName(mutationId) || !isName(name)) throw new Error("an optimistic event needs a mutationId and a name, both texts that are not empty");
    if (this.pending.some((other) => other.mutationId === mutationId)) throw new Error(`an optimistic event with the mutationId ${mutationId} is pending already`);
    const { optimistic, confirmed } = this.current!;
    const event: OptimisticEvent = { mutationId, name, data, confirmed: false };
    const merged = this.merge(optimistic, event);
    const handle = this.confirmations.expect(mutationId, timeoutMilliseconds);
    this.pending = [...this.pending, event];
    this.show({ optimistic: merged, confirmed });
    return handle;
  }

  /** Rolls back all pending events. */
  close(): void {
    for (const { mutationId } of this.pending) this.confirmations.complete(mutationId, new RollbackError("closed", mutationId, "the model was disposed"));
    this.pending = [];
  }

  private confirmedEvent({ id, name, data, headers }: SourceMessage): ConfirmedEvent | null {
    const mutationId = headers[eventUuidHeader];
    if (isName(mutationId)) return { mutationId, name, data, confirmed: true, sequenceId: id, rejected: headers[rejectHeader] === "true" };
    this.settings.warn(`the message ${id} of ${this.channelName} has no header ${eventUuidHeader} and is skipped`);
    return null;
  }

  private rollBack(error: RollbackError): void {
    this.pending = this.pending.filter(({ mutationId }) => mutationId !== error.mutationId);
    this.putPending(this.current!.confirmed);
    this.confirmations.complete(error.mutationId, error);
  }

  private putPending(confirmed: T): void {
    const { optimistic, pending, failed } = rebase(this.merge, confirmed, this.pending);
    this.pending = pending;
    this.show({ optimistic, confirmed });
    for (const { event, cause } of failed) {
      this.confirmations.complete(event.mutationId, new RollbackError("failed", event.mutationId, `the event ${event.name} can no longer be merged`, { cause }));
    }
  }

  private show(data: ModelData<T>): void {
    this.current = data;
    this.changed();
  }
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
