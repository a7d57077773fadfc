import type { CompareIds } from "./messageSource.js";

const digits = /^\d+$/;

/** Compares as numbers where both are numbers, exact at any length; else as texts. */
export const compareIds: CompareIds = (left, right) => {
  if (digits.test(left) && digits.test(right)) {
    const [leftNumber, rightNumber] = [BigInt(left), BigInt(right)];
    return leftNumber < rightNumber ? -1 : leftNumber > rightNumber ? 1 : 0;
  }
  return left < right ? -1 : left > right ? 1 : 0;
};

/** `known`: the state holds it. `late`: it should have come before others that the state holds. */
export type IdStatus = "new" | "known" | "late";

/**
 * The messages that a state holds, so that each is merged once and none is lost that comes out of order.
 * Ids along a channel rise, but a publisher that takes them before its transaction commits may let a lower one follow.
 */
export class SeenIds {
  private readonly ids = new Set<string>();
  private highest: string;

  /** The state was read at `base` and holds everything up to there. */
  constructor(
    private base: string,
    private readonly compare: CompareIds,
    private readonly maximumRemembered = 1_000,
  ) {
    this.highest = base;
  }

  get last(): string {
    return this.highest;
  }

  statusOf(id: string): IdStatus {
    if (this.compare(id, this.highest) > 0) return "new";
    return this.compare(id, this.base) <= 0 || this.ids.has(id) ? "known" : "late";
  }

  /** Adds the id of a new message. */
  add(id: string): void {
    this.highest = id;
    this.ids.add(id);
    if (this.ids.size <= this.maximumRemembered) return;
    const oldest = this.ids.values().next().value!;
    this.ids.delete(oldest);
    this.base = oldest;
  }
}
