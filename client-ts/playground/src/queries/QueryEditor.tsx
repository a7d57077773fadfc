import { useMemo, type Ref } from "react";
import { wordAt } from "./position.ts";
import { sqlTokens } from "./sqlTokens.ts";

interface QueryEditorProps {
  readonly label: string;
  readonly sql: string;
  /** The position of a mistake in this text, in characters, from 1. */
  readonly position: number | null;
  readonly onChange: (sql: string) => void;
  readonly ref: Ref<HTMLTextAreaElement>;
}

/** A text area over a coloured copy of its text. The copy sets the height, so that the whole query is visible. */
export function QueryEditor({ label, sql, position, onChange, ref }: QueryEditorProps) {
  const tokens = useMemo(() => sqlTokens(sql), [sql]);
  const mistake = position === null ? null : wordAt(sql, position);

  let at = 0;
  return (
    <div className="editor">
      <pre aria-hidden="true">
        {tokens.map(({ kind, text }, index) => {
          const from = at;
          at += text.length;
          return (
            <span key={index} className={`token-${kind}`}>
              {mistake === null || mistake.start >= at || mistake.end <= from ? text : <Mistaken text={text} start={mistake.start - from} end={mistake.end - from} />}
            </span>
          );
        })}
        {"\n"}
      </pre>
      <textarea
        ref={ref}
        aria-label={label}
        aria-invalid={position !== null}
        aria-keyshortcuts="Control+Enter Meta+Enter"
        value={sql}
        placeholder="SELECT … FROM … WHERE id = $1"
        spellCheck={false}
        autoCapitalize="off"
        autoComplete="off"
        onChange={(event) => onChange(event.target.value)}
      />
    </div>
  );
}

function Mistaken({ text, start, end }: { text: string; start: number; end: number }) {
  const from = Math.max(0, start);
  return (
    <>
      {text.slice(0, from)}
      <span className="mistaken">{text.slice(from, end)}</span>
      {text.slice(end)}
    </>
  );
}
