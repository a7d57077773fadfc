import type { Json } from "../protocol.js";
import type { Mutation } from "./mutation.js";

/** A storage that outlives the page, with one text per pending change. */
export interface MutationStorage {
  /** The same for all pages that share it. */
  readonly name: string;
  /** Mutation ids and their texts. */
  list(): Promise<readonly (readonly [mutationId: string, text: string])[]>;
  put(mutationId: string, text: string): Promise<void>;
  remove(mutationId: string): Promise<void>;
}

/** A storage in the browser's localStorage, under keys that begin with the name and a colon. */
export function localStorageMutations(name: string, storage: Storage = globalThis.localStorage): MutationStorage {
  const prefix = `${name}:`;
  return {
    name,
    async list() {
      const keys = Array.from({ length: storage.length }, (_, index) => storage.key(index)).filter((key) => key !== null && key.startsWith(prefix));
      return keys.map((key) => [key!.slice(prefix.length), storage.getItem(key!) ?? ""] as const);
    },
    async put(mutationId, text) {
      storage.setItem(prefix + mutationId, text);
    },
    async remove(mutationId) {
      storage.removeItem(prefix + mutationId);
    },
  };
}

/** Does the work while no other tab does work of the same name. Waits for its turn. */
export type Lock = (name: string, work: () => Promise<void>) => Promise<void>;

/** The browser's Web Locks. Without them (a page not served over TLS, an old browser) all tabs work at once. */
export const webLock: Lock = async (name, work) => {
  const locks = typeof navigator === "undefined" ? undefined : navigator.locks;
  await (locks === undefined ? work() : locks.request(name, work));
};

const version = 1;

/** A mutation and its position among the others. */
export interface NumberedMutation {
  readonly mutation: Mutation;
  /** Rises with every change, also when the clock is set back. */
  readonly number: number;
}

export function encodeMutation({ mutation: { name, data, at }, number }: NumberedMutation): string {
  return JSON.stringify({ version, name, data, at, number });
}

/** Null for a text that is not a mutation of this version. */
export function decodeMutation(mutationId: string, text: string): NumberedMutation | null {
  try {
    const value = JSON.parse(text) as { readonly [member: string]: Json } | null;
    if (typeof value !== "object" || value === null || value["version"] !== version) return null;
    // Numbers begin with the time, so a mutation without one is placed by its time.
    const { name, at, data, number = at } = value;
    if (mutationId === "" || typeof name !== "string" || typeof at !== "number" || typeof number !== "number" || data === undefined) return null;
    return { mutation: { mutationId, name, data, at }, number };
  } catch {
    return null;
  }
}
