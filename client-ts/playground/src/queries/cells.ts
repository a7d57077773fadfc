const numberTypes = new Set(["int2", "int4", "int8", "numeric", "float4", "float8", "oid", "money"]);

/** Numbers are aligned by their last digit. */
export const isRightAligned = (type: string): boolean => numberTypes.has(type);

/** A value as text, much as psql prints it. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return "NULL";
  if (typeof value === "object") return JSON.stringify(value);
  return String(value);
}
