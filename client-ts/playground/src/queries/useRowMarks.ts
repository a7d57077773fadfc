import { useEffect, useLayoutEffect, useState } from "react";
import type { RunQuery } from "./paneState.ts";
import { marked, nextMarkEnd, noRowMarks, withoutOldMarks, type RowMarks } from "./rowMarks.ts";
import type { LiveResult } from "./useLiveResult.ts";

/** The rows of a running query with their marks. A query that is run anew begins with rows that are no news. */
export function useRowMarks({ rows, columns, ordered, keyOf, hasRows }: LiveResult, run: RunQuery | null): RowMarks {
  const [{ of, marks }, setState] = useState<{ of: RunQuery | null; marks: RowMarks }>({ of: run, marks: noRowMarks });

  // Before the paint: the page never shows rows without their marks.
  useLayoutEffect(() => {
    if (!hasRows) {
      // Between the queries the old rows have nothing to say; within one (a reset) they stay until the new ones are there.
      setState((state) => (state.of === run ? state : { of: run, marks: noRowMarks }));
      return;
    }
    setState((state) => {
      const before = state.of === run ? state.marks : noRowMarks;
      const next = marked(before, { rows, ordered, keyOf }, performance.now());
      return next === state.marks ? state : { of: run, marks: next };
    });
  }, [rows, columns, ordered, keyOf, hasRows, run]);

  useEffect(() => {
    const end = nextMarkEnd(marks);
    if (end === null) return;
    const timer = setTimeout(
      () => setState((state) => ({ ...state, marks: withoutOldMarks(state.marks, performance.now()) })),
      Math.max(0, end - performance.now()) + 1,
    );
    return () => clearTimeout(timer);
  }, [marks]);

  return of === run ? marks : noRowMarks;
}
