import { memo, useState } from "react";
import type { Column } from "@syncengine/client";
import { cellText, isRightAligned } from "./cells.ts";
import type { RowMarks, ShownRow } from "./rowMarks.ts";
import type { LiveResult, ResultStatus } from "./useLiveResult.ts";

/** Rows drawn at once; more on request, since a browser lays out a table whole. */
const pageSize = 500;

/** The rows with their marks. */
export function ResultTable({ label, result, marks }: { label: string; result: LiveResult; marks: RowMarks }) {
  const [limit, setLimit] = useState(pageSize);
  const { columns } = result;

  if (columns.length === 0) {
    return <div className="rows empty">{emptyWords[result.status]}</div>;
  }
  const more = marks.shown.length - limit;
  return (
    <div className={result.status === "live" ? "rows" : "rows dimmed"} role="region" aria-label={label} tabIndex={0}>
      <table aria-rowcount={(marks.rows?.length ?? 0) + 1}>
        <thead>
          <tr>
            {columns.map(({ name, type }, index) => (
              <th key={index} scope="col" className={isRightAligned(type) ? "right" : undefined}>
                <span className="column-name">{name}</span>
                <span className="column-type">{type}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {marks.shown.slice(0, limit).map((shown) => (
            <Row key={shown.key} shown={shown} columns={columns} />
          ))}
        </tbody>
      </table>
      {marks.shown.length === 0 && <p className="no-rows">{result.status === "live" ? "No rows at this cut. New rows appear here." : emptyWords[result.status]}</p>}
      {more > 0 && (
        <button type="button" className="more" onClick={() => setLimit(limit + pageSize)}>
          Show {Math.min(more, pageSize)} more of {more.toLocaleString("en")}
        </button>
      )}
    </div>
  );
}

const emptyWords: Record<ResultStatus, string> = {
  idle: "Write a query and run it: its rows appear here, and stay current.",
  connecting: "Connecting to the engine…",
  snapshot: "Reading the rows…",
  live: "This result has no columns.",
  reconnecting: "The engine cannot be reached. Trying again…",
  stale: "No rows yet.",
  error: "No rows.",
};

const Row = memo(function Row({ shown: { row, mark }, columns }: { shown: ShownRow; columns: readonly Column[] }) {
  return (
    <tr className={mark?.kind} data-mark={mark?.kind} aria-hidden={mark?.kind === "left" || undefined}>
      {columns.map(({ name, type }, index) => {
        const change = mark?.columns.get(name);
        const text = cellText(row[name]);
        // A cell that changes while it flashes becomes a new element, so that it flashes again.
        return (
          <td
            key={`${index} ${change ?? ""}`}
            className={[change !== undefined && "flash", row[name] === null && "null", isRightAligned(type) && "right"].filter(Boolean).join(" ") || undefined}
            title={text.length > 40 ? text : undefined}
          >
            {text}
          </td>
        );
      })}
    </tr>
  );
}, (before, after) => before.shown === after.shown && before.columns === after.columns);
