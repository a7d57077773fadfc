import { useMemo, type Ref } from "react";
import { characterOffset } from "./position.ts";
import { sqlTokens } from "./sqlTokens.ts";

interface QueryEditorProps {
  readonly label: string;
  readonly sql: string;
  /** Where the engine found a mistake in this very text: in characters, from 1. */
  readonly position: number | null;
  readonly onChange: (sql: string) => void;
  readonly ref: Ref<HTMLTextAreaElement>;
}

/** A text area over a coloured copy of its text. The copy gives it its height, so that a query is seen whole. */
export function QueryEditor({ label, sql, position, onChange, ref }: QueryEditorProps) {
  const tokens = useMemo(() => sqlTokens(sql), [sql]);
  const mistakeAt = position === null ? -1 : characterOffset(sql, position);

  let at = 0;
  return (
    <div className="editor">
      <pre aria-hidden="true">
        {tokens.map(({ kind, text }, index) => {
          const from = at;
          at += text.length;
          const isMistaken = mistakeAt >= from && mistakeAt < at;
          return (
            <span key={index} className={isMistaken ? `token-${kind} mistaken` : `token-${kind}`}>
              {text}
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
