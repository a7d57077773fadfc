import type { SyncError } from "@syncengine/client";
import { characterOffset, textPosition } from "./position.ts";

interface ErrorNoticeProps {
  readonly problem: SyncError;
  /** The query as it was sent. */
  readonly sql: string;
  /** True while the engine or the client tries again by itself. Rows of an earlier cut are still shown. */
  readonly isPassing: boolean;
  readonly onPosition: (offset: number) => void;
}

/** An error with its hint and, for a mistake in the query, its place. */
export function ErrorNotice({ problem, sql, isPassing, onPosition }: ErrorNoticeProps) {
  const { code, message, detail, hint, sqlstate, position } = problem;
  return (
    <div className={isPassing ? "notice passing" : "notice error"} role="alert" data-testid={isPassing ? "stale" : "error"}>
      <p className="notice-title">
        <code data-testid="code">{code}</code>
        {sqlstate && <span className="sqlstate">SQLSTATE {sqlstate}</span>}
        {isPassing && <span>It is tried again. Until then the rows are those of an earlier cut.</span>}
      </p>
      <p data-testid="message">{message}</p>
      {position !== undefined && <Excerpt sql={sql} position={position} onPosition={onPosition} />}
      {detail && detail !== message && <p>{detail}</p>}
      {hint && (
        <p className="notice-hint" data-testid="hint">
          {hint}
        </p>
      )}
    </div>
  );
}

function Excerpt({ sql, position, onPosition }: { sql: string; position: number; onPosition: (offset: number) => void }) {
  const { line, column, lineText, before } = textPosition(sql, position);
  return (
    <>
      <pre className="excerpt" data-testid="excerpt" aria-hidden="true" tabIndex={-1}>
        {lineText}
        {"\n"}
        {/* The same text, invisible, puts the caret at its place for any width of characters. */}
        <span className="unseen">{before}</span>
        <span className="caret" data-testid="caret">
          ^
        </span>
      </pre>
      <button type="button" className="link" onClick={() => onPosition(characterOffset(sql, position))}>
        Line {line}, column {column}
      </button>
    </>
  );
}
