/** A series of a family: its labels as written between the braces, and its value. */
export interface Series {
  readonly labels: string;
  readonly value: number;
}

/** Reads one family of Prometheus' text format. */
export function seriesOf(text: string, family: string): readonly Series[] {
  return text.split("\n").flatMap((line) => {
    const [, name, labels = "", value] = /^([^\s{#]+)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
    return name === family && Number.isFinite(Number(value)) ? [{ labels, value: Number(value) }] : [];
  });
}

export const sumOf = (text: string, family: string): number => seriesOf(text, family).reduce((sum, { value }) => sum + value, 0);

/** The value of one label. The engine's own labels need no escapes. */
export const labelOf = ({ labels }: Series, name: string): string | undefined => new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels)?.[1];
