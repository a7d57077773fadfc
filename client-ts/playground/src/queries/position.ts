/** A position in a text, as line and column. */
export interface TextPosition {
  /** From 1. */
  readonly line: number;
  /** In characters, from 1. */
  readonly column: number;
  readonly lineText: string;
  /** The text before it in its line. */
  readonly before: string;
}

/** The index into the string of a position as PostgreSQL counts it: in characters, from 1. A string counts an emoji as two. */
export function characterOffset(text: string, position: number): number {
  let offset = 0;
  for (const character of text) {
    if (--position < 1) break;
    offset += character.length;
  }
  return offset;
}

/** The word or the sign at a position; at the end of the text, the last one before it. */
export function wordAt(text: string, position: number): { readonly start: number; readonly end: number } {
  const offset = characterOffset(text, position);
  const start = offset < text.length ? offset : Math.max(0, text.trimEnd().length - 1);
  const word = /^(?:[\w$\u0080-\uffff]+|[^])/.exec(text.slice(start))?.[0] ?? "";
  return { start, end: start + word.length };
}

export function textPosition(text: string, position: number): TextPosition {
  const offset = characterOffset(text, position);
  const start = text.lastIndexOf("\n", offset - 1) + 1;
  const end = text.indexOf("\n", offset);
  const before = text.slice(start, offset);
  return {
    line: text.slice(0, start).split("\n").length,
    column: [...before].length + 1,
    lineText: text.slice(start, end === -1 ? text.length : end),
    before,
  };
}
