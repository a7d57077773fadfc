import type { Clock } from "../clock.js";
import { messageOf, type Mutation } from "./mutation.js";
import { decodeMutation, encodeMutation, type Lock, type MutationStorage, type NumberedMutation } from "./storage.js";

export interface StoredMutationsOptions {
  readonly maxPending: number;
  /** Of all mutations together. */
  readonly maxCharacters: number;
  readonly keepMilliseconds: number;
  readonly lock: Lock;
  readonly clock: Clock;
  readonly warn: (text: string) => void;
}

/** The mutations in a storage. A tab that works on one holds its lock, so that no two tabs do. */
export class StoredMutations {
  constructor(
    private readonly storage: MutationStorage,
    private readonly options: StoredMutationsOptions,
  ) {}

  /** Reads the mutations of earlier pages. Entries that are unknown, too old or too many are dropped with a warning. */
  async read(): Promise<readonly NumberedMutation[]> {
    const { maxPending, maxCharacters, warn } = this.options;
    let stored: Awaited<ReturnType<MutationStorage["list"]>>;
    try {
      stored = await this.storage.list();
    } catch (cause) {
      warn(`the changes of ${this.storage.name} cannot be read: ${messageOf(cause)}`);
      return [];
    }
    const found: (NumberedMutation & { readonly text: string })[] = [];
    for (const [mutationId, text] of stored) {
      const numbered = decodeMutation(mutationId, text);
      if (numbered !== null) found.push({ ...numbered, text });
      else this.drop(mutationId, "was not written by this version");
    }
    found.sort((left, right) => left.number - right.number);
    let count = 0;
    let characters = 0;
    return found.filter(({ mutation, text }) => {
      if (this.isOld(mutation)) this.drop(mutation.mutationId, "is too old");
      else if (++count > maxPending || (characters += text.length) > maxCharacters) this.drop(mutation.mutationId, "exceeds the limits");
      else return true;
      return false;
    });
  }

  isOld({ at }: Mutation): boolean {
    return at + this.options.keepMilliseconds < this.options.clock.now();
  }

  requireRoom(mutations: readonly NumberedMutation[]): void {
    const characters = mutations.reduce((sum, mutation) => sum + encodeMutation(mutation).length, 0);
    if (characters > this.options.maxCharacters) throw new RangeError(`the pending changes have more than ${this.options.maxCharacters} characters: wait until some are confirmed`);
  }

  async put(numbered: NumberedMutation): Promise<void> {
    const { mutationId, name } = numbered.mutation;
    try {
      await this.storage.put(mutationId, encodeMutation(numbered));
    } catch (cause) {
      this.options.warn(`the change ${name} will not survive a reload: ${messageOf(cause)}`);
    }
  }

  async has(mutationId: string): Promise<boolean> {
    return (await this.storage.list()).some(([other]) => other === mutationId);
  }

  remove(mutationId: string): void {
    this.storage.remove(mutationId).catch((cause: unknown) => this.options.warn(`a change could not be removed from the storage: ${messageOf(cause)}`));
  }

  /** Does the work while no other tab works on the same mutation. */
  async locked(mutationId: string, work: () => Promise<void>): Promise<void> {
    try {
      await this.options.lock(`syncengine:${this.storage.name}:${mutationId}`, work);
    } catch (cause) {
      this.options.warn(`the change ${mutationId} could not be continued: ${messageOf(cause)}`);
    }
  }

  private drop(mutationId: string, why: string): void {
    this.options.warn(`the change ${mutationId} in ${this.storage.name} ${why}, and is dropped`);
    this.remove(mutationId);
  }
}
