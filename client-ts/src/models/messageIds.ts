import type { CompareIds } from "./messageSource.js";

const digits = /^\d+$/;

/** As numbers where both are, exact at any length; else as texts. */
export const compareIds: CompareIds = (left, right) => {
  if (digits.test(left) && digits.test(right)) {
    const [leftNumber, rightNumber] = [BigInt(left), BigInt(right)];
    return leftNumber < rightNumber ? -1 : leftNumber > rightNumber ? 1 : 0;
  }
  return left < right ? -1 : left > right ? 1 : 0;
};

/** `known`: it is part of the state. `late`: it should have come before others that have. */
export type Standing = "new" | "known" | "late";

/**
 * Which messages a state holds, so that each is merged once and none is lost that comes out of its order. Ids along a channel only rise, but a
 * publisher that takes them before its transaction commits may let a lower one follow.
 */
export class SeenIds {
  private readonly ids = new Set<string>();
  private highest: string;

  /** The state was read at `base`: it holds everything up to there. */
  constructor(
    private base: string,
    private readonly compare: CompareIds,
    private readonly mostRemembered = 1_000,
  ) {
    this.highest = base;
  }

  get last(): string {
    return this.highest;
  }

  look(id: string): Standing {
    if (this.compare(id, this.highest) > 0) return "new";
    return this.compare(id, this.base) <= 0 || this.ids.has(id) ? "known" : "late";
  }

  /** Of a new one. */
  add(id: string): void {
    this.highest = id;
    this.ids.add(id);
    if (this.ids.size <= this.mostRemembered) return;
    const oldest = this.ids.values().next().value!;
    this.ids.delete(oldest);
    this.base = oldest;
  }
}
