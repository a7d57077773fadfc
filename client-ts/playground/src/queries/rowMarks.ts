/** A row of a result, by column name. */
export type ResultRow = Readonly<Record<string, unknown>>;

/** How long a change stays visible, in milliseconds; the style sheet's animations take as long. */
export const markLifetime = 1600;

/** A row as it is shown, also one that has left recently. */
export interface ShownRow {
  readonly key: string;
  readonly row: ResultRow;
  readonly mark: RowMark | null;
}

/** A recent change of a row. `until` is when its mark ends. */
export interface RowMark {
  readonly kind: "entered" | "changed" | "left";
  readonly until: number;
  /** For `changed`: the columns, each with the number of the change, so that a second flash differs from the first. */
  readonly columns: ReadonlyMap<string, number>;
}

/** The shown rows and the rows that they were made from. */
export interface RowMarks {
  readonly rows: readonly ResultRow[] | null;
  readonly shown: readonly ShownRow[];
  readonly entered: number;
  readonly changed: number;
  readonly left: number;
  readonly step: number;
}

export const noRowMarks: RowMarks = { rows: null, shown: [], entered: 0, changed: 0, left: 0, step: 0 };

/** A result as it arrived. The page chooses the order of one that is not ordered. */
export interface ArrivedRows {
  readonly rows: readonly ResultRow[];
  readonly ordered: boolean;
  readonly keyOf: (row: ResultRow) => string;
}

/**
 * Compares `rows` with the shown rows by key, and marks what changed. The first rows of a result get no mark.
 * A row that left stays behind the row that it followed. Without an order, rows keep their places and new ones come on top.
 */
export function marked(marks: RowMarks, { rows, ordered, keyOf }: ArrivedRows, now: number): RowMarks {
  if (rows === marks.rows) return marks;
  const step = marks.step + 1;
  if (marks.rows === null) {
    return { ...noRowMarks, rows, step, shown: rows.map((row) => ({ key: keyOf(row), row, mark: null })) };
  }

  const before = new Map(marks.shown.map((shown) => [shown.key, shown]));
  const arrived = new Map(rows.map((row) => [keyOf(row), row]));
  const counts = { entered: 0, changed: 0, left: 0 };
  const until = now + markLifetime;

  // Rows that left, by the key of the last remaining row before them.
  const gone = new Map<string | null, ShownRow[]>();
  let anchor: string | null = null;
  for (const shown of marks.shown) {
    if (arrived.has(shown.key)) {
      anchor = shown.key;
      continue;
    }
    if (shown.mark?.kind !== "left") counts.left++;
    const mark: RowMark = shown.mark?.kind === "left" ? shown.mark : { kind: "left", until, columns: new Map() };
    if (mark.until <= now) continue;
    const left = { ...shown, mark };
    const behind = gone.get(anchor);
    if (behind) behind.push(left);
    else gone.set(anchor, [left]);
  }

  const shown: ShownRow[] = [...(gone.get(null) ?? [])];
  for (const [key, row] of ordered ? arrived : newestFirst(arrived, marks.shown)) {
    const old = before.get(key);
    if (old === undefined || old.mark?.kind === "left") {
      counts.entered++;
      shown.push({ key, row, mark: { kind: "entered", until, columns: new Map() } });
    } else {
      const changed = old.row === row ? [] : changedColumns(old.row, row);
      if (changed.length > 0) counts.changed++;
      shown.push(keptRow(old, row, changed, step, now));
    }
    shown.push(...(gone.get(key) ?? []));
  }

  return {
    rows,
    shown,
    step,
    entered: marks.entered + counts.entered,
    changed: marks.changed + counts.changed,
    left: marks.left + counts.left,
  };
}

/** The rows without marks that have ended. */
export function withoutOldMarks(marks: RowMarks, now: number): RowMarks {
  if (!marks.shown.some((shown) => shown.mark !== null && shown.mark.until <= now)) return marks;
  const shown = marks.shown
    .filter((row) => row.mark?.kind !== "left" || row.mark.until > now)
    .map((row) => (row.mark !== null && row.mark.until <= now ? { ...row, mark: null } : row));
  return { ...marks, shown };
}

/** When the next mark ends; null when nothing is marked. */
export function nextMarkEnd(marks: RowMarks): number | null {
  let next: number | null = null;
  for (const { mark } of marks.shown) {
    if (mark !== null && (next === null || mark.until < next)) next = mark.until;
  }
  return next;
}

function newestFirst(arrived: ReadonlyMap<string, ResultRow>, shown: readonly ShownRow[]): [string, ResultRow][] {
  const stayed = shown.filter((row) => row.mark?.kind !== "left" && arrived.has(row.key)).map((row) => row.key);
  const known = new Set(stayed);
  const entered = [...arrived.keys()].filter((key) => !known.has(key)).reverse();
  return [...entered, ...stayed].map((key) => [key, arrived.get(key)!]);
}

function keptRow(old: ShownRow, row: ResultRow, changed: readonly string[], step: number, now: number): ShownRow {
  const mark = old.mark !== null && old.mark.until > now ? old.mark : null;
  if (changed.length === 0) return mark === old.mark && row === old.row ? old : { key: old.key, row, mark };
  const columns = new Map(mark?.columns);
  for (const column of changed) columns.set(column, step);
  return { key: old.key, row, mark: { kind: mark?.kind === "entered" ? "entered" : "changed", until: now + markLifetime, columns } };
}

function changedColumns(before: ResultRow, after: ResultRow): string[] {
  return Object.keys(after).filter((column) => !sameValue(before[column], after[column]));
}

const sameValue = (left: unknown, right: unknown): boolean =>
  Object.is(left, right) ||
  (typeof left === "object" && typeof right === "object" && left !== null && right !== null && JSON.stringify(left) === JSON.stringify(right));
