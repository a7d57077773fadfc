/** How long to wait between tries. */
export interface Backoff {
  /** Of the first wait; each further one doubles it. Default 250. */
  readonly initialMilliseconds?: number;
  /** No wait is longer. Default 30,000. */
  readonly maximumMilliseconds?: number;
}

/** The wait before try number `attempt` (0 is the first repetition): doubled each time, and spread over its upper half so that clients do not return in step. */
export function backoffMilliseconds(backoff: Backoff, attempt: number, random: number): number {
  const initial = backoff.initialMilliseconds ?? 250;
  const maximum = backoff.maximumMilliseconds ?? 30_000;
  return Math.min(maximum, initial * 2 ** attempt) * (0.5 + random / 2);
}
