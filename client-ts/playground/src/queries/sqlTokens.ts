/** The kinds of SQL tokens, as far as colours and parameters need them. The engine alone decides the meaning. */
export type SqlTokenKind = "keyword" | "text" | "string" | "number" | "parameter" | "comment";

export interface SqlToken {
  readonly kind: SqlTokenKind;
  readonly text: string;
}

const keywords = new Set(
  `ALL AND ANY ARRAY AS ASC BETWEEN BY CASE CAST COLLATE CROSS CUBE CURRENT_DATE CURRENT_TIMESTAMP DESC DISTINCT ELSE END EXCEPT EXISTS FALSE
   FETCH FILTER FOLLOWING FROM FULL GROUP GROUPING HAVING ILIKE IN INNER INTERSECT INTERVAL IS JOIN LATERAL LEFT LIKE LIMIT NATURAL
   NOT NULL NULLS OFFSET ON ONLY OR ORDER OUTER OVER PARTITION PRECEDING RECURSIVE RIGHT ROLLUP ROW ROWS SELECT SETS SIMILAR SOME TABLE THEN TO
   TRUE UNBOUNDED UNION USING VALUES WHEN WHERE WINDOW WITH`.split(/\s+/),
);

// In the order in which they are tried. A string or comment without its end runs to the end of the text, as it does for PostgreSQL.
const patterns: readonly (readonly [SqlTokenKind, RegExp])[] = [
  ["comment", /--[^\n]*/y],
  ["string", /[eE]'(?:[^'\\]|\\.|'')*'?/sy],
  ["string", /(?:[uU]&|[bBxXnN])?'(?:[^']|'')*'?/y],
  ["string", /\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$.*?(?:\$\1\$|$(?![^]))/sy],
  ["parameter", /\$\d+/y],
  ["text", /"(?:[^"]|"")*"?/y],
  ["number", /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y],
  ["keyword", /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y],
  ["text", /[^]/y],
];

/** The tokens of a text; joined they are the text again. */
export function sqlTokens(sql: string): SqlToken[] {
  const tokens: SqlToken[] = [];
  let at = 0;
  while (at < sql.length) {
    const token = blockComment(sql, at) ?? firstMatch(sql, at);
    const last = tokens.at(-1);
    if (token.kind === "text" && last?.kind === "text") {
      tokens[tokens.length - 1] = { kind: "text", text: last.text + token.text };
    } else {
      tokens.push(token);
    }
    at += token.text.length;
  }
  return tokens;
}

/** The highest `$n` that the text mentions, so that `$1` and `$3` ask for three values. */
export function parameterCount(sql: string): number {
  const numbers = sqlTokens(sql)
    .filter((token) => token.kind === "parameter")
    .map((token) => Number(token.text.slice(1)))
    // A higher number is a typing error (PostgreSQL stops at 65535). The engine reports it.
    .filter((number) => number <= 99);
  return Math.max(0, ...numbers);
}

/** True when nothing in the text can give the result an order. */
export const hasNoOrder = (sql: string): boolean =>
  !sqlTokens(sql).some((token) => token.kind === "keyword" && token.text.toUpperCase() === "ORDER");

// Block comments nest in PostgreSQL, which no regular expression can follow.
function blockComment(sql: string, at: number): SqlToken | undefined {
  if (!sql.startsWith("/*", at)) return undefined;
  let depth = 0;
  let end = at;
  do {
    if (sql.startsWith("/*", end)) {
      depth++;
      end += 2;
    } else if (sql.startsWith("*/", end)) {
      depth--;
      end += 2;
    } else {
      end++;
    }
  } while (depth > 0 && end < sql.length);
  return { kind: "comment", text: sql.slice(at, end) };
}

function firstMatch(sql: string, at: number): SqlToken {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at;
    const text = pattern.exec(sql)?.[0];
    if (!text) continue;
    if (kind === "keyword" && !keywords.has(text.toUpperCase())) return { kind: "text", text };
    return { kind, text };
  }
  throw new Error(`no token at ${at}`);
}
