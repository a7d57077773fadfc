/** The series of one family: labels as they are written between the braces, and the value. */
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

/** The value of one label, without the escapes that names of ours do not need. */
export const labelOf = ({ labels }: Series, name: string): string | undefined => new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels)?.[1];
