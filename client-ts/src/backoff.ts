/** The waits between tries. */
export interface Backoff {
  /** The first wait; each further one is twice as long. Default 250. */
  readonly initialMilliseconds?: number;
  /** The longest wait. Default 30,000. */
  readonly maximumMilliseconds?: number;
}

/** The wait before try number `attempt` (0 is the first repetition). It is spread over its upper half, so that clients do not all return at once. */
export function backoffMilliseconds(backoff: Backoff, attempt: number, random: number): number {
  const initial = backoff.initialMilliseconds ?? 250;
  const maximum = backoff.maximumMilliseconds ?? 30_000;
  return Math.min(maximum, initial * 2 ** attempt) * (0.5 + random / 2);
}
