/** Commit → screen times of the latest diffs, in milliseconds. */
export interface Latency {
  readonly samples: readonly number[];
}

export const noLatency: Latency = { samples: [] };

const kept = 50;

export const withSample = (latency: Latency, milliseconds: number): Latency => ({
  samples: [...latency.samples, milliseconds].slice(-kept),
});

export const lastOf = (latency: Latency): number | undefined => latency.samples.at(-1);

/** The median: of an even number of samples, the lower of the middle two. */
export function medianOf(latency: Latency): number | undefined {
  const sorted = latency.samples.toSorted((left, right) => left - right);
  return sorted[Math.ceil(sorted.length / 2) - 1];
}

/** At most three digits; more would be noise of the clock. */
export function milliseconds(value: number | undefined): string {
  if (value === undefined) return "–";
  if (value >= 9_950) return `${(value / 1000).toFixed(1)} s`;
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ms`;
}
