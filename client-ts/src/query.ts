/** A value of a parameter. A bigint travels as text, a Date as ISO 8601. PostgreSQL decides the type. */
export type Param = null | undefined | boolean | number | string | bigint | Date | readonly Param[] | { readonly [member: string]: Param };

/** A named query of the engine's configuration. */
export interface NamedQuery {
  readonly name: string;
  readonly params?: { readonly [name: string]: Param };
}

/** A query as text with `$1 …`, or a named one. */
export type Query = { readonly query: string; readonly params: readonly Param[] } | NamedQuery;

export function queryOf(query: string | NamedQuery, params?: readonly Param[]): Query {
  return typeof query === "string" ? { query, params: params ?? [] } : query;
}

/** The body of POST /subscribe. */
export function encodeQuery(query: Query): string {
  return JSON.stringify(query, encodeNumber);
}

/** Equal for equal queries, in whatever order their parameters are named. */
export function queryKey(query: Query): string {
  return JSON.stringify(query, (_name, value: unknown) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return encodeNumber(_name, value);
    return Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0)));
  });
}

// JSON has no bigint, NaN or infinity. PostgreSQL reads them from text.
function encodeNumber(_name: string, value: unknown): unknown {
  if (typeof value === "bigint" || (typeof value === "number" && !Number.isFinite(value))) return String(value);
  return value;
}
