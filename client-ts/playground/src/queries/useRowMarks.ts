import { useEffect, useLayoutEffect, useState } from "react";
import type { RunQuery } from "./paneState.ts";
import { marked, nextMarkEnd, noRowMarks, withoutOldMarks, type RowMarks } from "./rowMarks.ts";
import type { LiveResult } from "./useLiveResult.ts";

/**
 * The rows of a running query with their marks. A query that is run again begins with unmarked rows.
 * While rows are read again, the old rows stay; then the differences are marked.
 */
export function useRowMarks({ status, rows, ordered, keyOf }: LiveResult, run: RunQuery | null): RowMarks {
  const [{ of, marks }, setState] = useState<{ of: RunQuery | null; marks: RowMarks }>({ of: run, marks: noRowMarks });
  const areRead = status === "live" || status === "stale";

  // Before the paint: the page never shows rows without their marks.
  useLayoutEffect(() => {
    setState((state) => {
      const before = state.of === run ? state.marks : noRowMarks;
      if (status === "error") return { of: run, marks: noRowMarks };
      const next = areRead ? marked(before, { rows, ordered, keyOf }, performance.now()) : before;
      return next === state.marks && state.of === run ? state : { of: run, marks: next };
    });
  }, [status, areRead, rows, ordered, keyOf, run]);

  useEffect(() => {
    const end = nextMarkEnd(marks);
    if (end === null) return;
    const timer = setTimeout(
      // A timer may fire a moment early, so the time is at least the end that it was set for.
      () => setState((state) => ({ ...state, marks: withoutOldMarks(state.marks, Math.max(performance.now(), end)) })),
      // With many changes some mark ends at every moment; a tenth of a second is soon enough.
      Math.max(100, end - performance.now()),
    );
    return () => clearTimeout(timer);
  }, [marks]);

  return of === run ? marks : noRowMarks;
}
