import { characterOffset, textPosition } from "./position.ts";
import type { Problem } from "./useLiveResult.ts";

interface ErrorNoticeProps {
  readonly problem: Problem;
  /** The query as it was sent. */
  readonly sql: string;
  /** True when the rows are still shown, as of an earlier cut. */
  readonly isStale: boolean;
  readonly onPosition: (offset: number) => void;
}

/** What went wrong and what to do about it; for a mistake in the query, the place. */
export function ErrorNotice({ problem, sql, isStale, onPosition }: ErrorNoticeProps) {
  const { code, message, detail, hint, sqlstate, position } = problem;
  return (
    <div className={isStale ? "notice stale" : "notice error"} role="alert" data-testid={isStale ? "stale" : "error"}>
      <p className="notice-title">
        <code data-testid="code">{code}</code>
        {sqlstate && <span className="sqlstate">SQLSTATE {sqlstate}</span>}
        {isStale && <span>The rows are those of an earlier cut.</span>}
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
        {/* The same text, unseen, brings the caret under its place whatever the width of the characters. */}
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
