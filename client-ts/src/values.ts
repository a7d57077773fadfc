import type { Column, Json } from "./protocol.js";

/** A value of a row: JSON, or a bigint where the client is configured so. */
export type Value = null | boolean | number | string | bigint | readonly Value[] | { readonly [member: string]: Value };

/** The types of exact numbers, which travel as text. `number` is exact up to 2^53 only. */
export interface Decoding {
  readonly int8?: "number" | "bigint" | "string" | undefined;
  readonly numeric?: "number" | "string" | undefined;
}

/** Turns a wire value of one column into the user's value; null where they are the same. */
export type Decoder = ((value: Json) => Value) | null;

/** Columns of a domain that the engine names by its own name stay text. */
export function decoderOf(column: Column, decoding: Decoding): Decoder {
  const isArray = column.type.endsWith("[]");
  const element = decodeText(isArray ? column.type.slice(0, -2) : column.type, decoding);
  if (element === null) return null;
  // Arrays of any number of dimensions have one type, so the depth is seen only in the value.
  const decode = (value: Json): Value =>
    typeof value === "string" ? element(value) : Array.isArray(value) ? value.map(decode) : (value as Value);
  return decode;
}

function decodeText(type: string, decoding: Decoding): ((text: string) => Value) | null {
  if (type === "int8") return decoding.int8 === "bigint" ? BigInt : decoding.int8 === "number" ? Number : null;
  if (type === "numeric") return decoding.numeric === "number" ? Number : null;
  return null;
}

/** True when two values are deeply equal. */
export function areEqual(left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (Array.isArray(left) || Array.isArray(right)) {
    return Array.isArray(left) && Array.isArray(right) && left.length === right.length && left.every((value, index) => areEqual(value, right[index]));
  }
  const names = Object.keys(left);
  return (
    names.length === Object.keys(right).length &&
    names.every((name) => Object.hasOwn(right, name) && areEqual((left as Record<string, unknown>)[name], (right as Record<string, unknown>)[name]))
  );
}
