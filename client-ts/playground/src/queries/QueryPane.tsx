import { memo, useId, useRef } from "react";
import { commandKey } from "../shell/shortcuts.ts";
import { ErrorNotice } from "./ErrorNotice.tsx";
import { lastOf, medianOf, milliseconds } from "./latency.ts";
import { ParameterFields } from "./ParameterFields.tsx";
import type { PaneState } from "./paneState.ts";
import { parameterValues } from "./parameters.ts";
import { PlanDetails } from "./PlanDetails.tsx";
import { QueryEditor } from "./QueryEditor.tsx";
import { ResultTable } from "./ResultTable.tsx";
import { parameterCount } from "./sqlTokens.ts";
import { useLatency } from "./useLatency.ts";
import { useLiveResult, type ResultStatus } from "./useLiveResult.ts";
import type { PaneAction } from "./usePanes.ts";
import { useRowMarks } from "./useRowMarks.ts";

const statusWords: Record<ResultStatus, string> = {
  idle: "not running",
  connecting: "connecting",
  snapshot: "reading",
  live: "live",
  reconnecting: "reconnecting",
  stale: "stale",
  error: "error",
};

interface QueryPaneProps {
  readonly state: PaneState;
  /** Its place among the panes, from 1. */
  readonly number: number;
  readonly dispatch: (action: PaneAction) => void;
  readonly onCurrent: (id: number) => void;
}

/** One query: its text and parameters, its status and plan, and its rows. */
export const QueryPane = memo(function QueryPane({ state, number, dispatch, onCurrent }: QueryPaneProps) {
  const { id, sql, parameters, run } = state;
  const editor = useRef<HTMLTextAreaElement>(null);
  const titleId = useId();
  const result = useLiveResult(run);
  const marks = useRowMarks(result, run);
  const latency = useLatency(run);

  const count = parameterCount(sql);
  const mistake = parameterMistake(state, count);
  const isEdited = run !== null && (run.sql !== sql || (mistake === null && !sameValues(run.values, parameterValues(parameters, count))));
  const { problem } = result;
  const rowCount = marks.rows?.length ?? 0;
  const position = problem?.position !== undefined && run?.sql === sql ? problem.position : null;

  return (
    <section
      className={`pane is-${result.status}`}
      data-pane={number}
      aria-labelledby={titleId}
      tabIndex={-1}
      onFocus={() => onCurrent(id)}
      onKeyDown={(event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
          event.preventDefault();
          dispatch({ type: "run", id });
        } else if (event.key === "Escape" && event.target instanceof Element && event.target.matches("textarea, input, select")) {
          event.currentTarget.focus();
        }
      }}
    >
      <header className="pane-top">
        <h2 id={titleId}>Query {number}</h2>
        <span className="status" role="status" data-testid="status">
          <span className={`dot dot-${result.status}`} aria-hidden="true" />
          {statusWords[result.status]}
        </span>
        {result.plan !== null && (
          <span className={`chip chip-${result.plan.mode}`} data-testid="plan" title={result.plan.reason ?? "Kept live inside the engine"}>
            {result.plan.mode}
          </span>
        )}
        <span className="spring" />
        <button type="button" className="quiet icon" aria-label={`Close query ${number}`} title="Close (x)" onClick={() => dispatch({ type: "close", id })}>
          ✕
        </button>
      </header>

      <QueryEditor
        ref={editor}
        label={`SQL of query ${number}`}
        sql={sql}
        position={position}
        onChange={(text) => dispatch({ type: "write", id, sql: text })}
      />
      <ParameterFields count={count} parameters={parameters} onChange={(next) => dispatch({ type: "fill", id, parameters: next })} />

      <div className="pane-actions">
        <button type="button" className="primary" aria-keyshortcuts="Control+Enter Meta+Enter" disabled={sql.trim() === "" || mistake !== null} onClick={() => dispatch({ type: "run", id })}>
          Run <kbd aria-hidden="true">{commandKey} ↵</kbd>
        </button>
        {run !== null && (
          <button type="button" onClick={() => dispatch({ type: "stop", id })}>
            Stop
          </button>
        )}
        {mistake !== null ? (
          <span className="hint" role="alert">{mistake}</span>
        ) : (
          isEdited && <span className="hint">Edited: the rows are those of the query that was run</span>
        )}
        <span className="spring" />
        <PlanDetails run={run} />
      </div>

      {result.plan?.reason && (
        <p className="reason" data-testid="reason">
          {result.plan.reason}
        </p>
      )}
      {problem !== null && run !== null && (
        <ErrorNotice
          problem={problem}
          sql={run.sql}
          isPassing={result.status !== "error"}
          onPosition={(offset) => {
            editor.current?.focus();
            if (position !== null) editor.current?.setSelectionRange(offset, offset + 1);
          }}
        />
      )}

      <ResultTable label={`Rows of query ${number}`} result={result} marks={marks} />

      <footer className="pane-facts">
        <span data-testid="row-count">
          <b>{rowCount.toLocaleString("en")}</b> {rowCount === 1 ? "row" : "rows"}
        </span>
        <span className="tally" role="img" aria-label={`${marks.entered} entered, ${marks.changed} changed, ${marks.left} left`}>
          <span className="entered">+{marks.entered}</span>
          <span className="changed">~{marks.changed}</span>
          <span className="left">−{marks.left}</span>
        </span>
        <span className="spring" />
        <span title="Commit → screen: from the commit in PostgreSQL to the painted rows; median of the last 50 diffs, and the last">
          commit → screen <b data-testid="latency-median">{milliseconds(medianOf(latency))}</b> p50 · <b data-testid="latency-last">{milliseconds(lastOf(latency))}</b> last
        </span>
        <span title="The position in the write-ahead log at which the result has these rows">
          cut <code data-testid="cut">{result.cut ?? "–"}</code>
        </span>
      </footer>
    </section>
  );
});

function parameterMistake(state: PaneState, count: number): string | null {
  try {
    parameterValues(state.parameters, count);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

const sameValues = (left: unknown, right: unknown) => JSON.stringify(left) === JSON.stringify(right);
