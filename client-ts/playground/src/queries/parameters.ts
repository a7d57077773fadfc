import type { Json } from "@syncengine/client";

/** The way in which a field's text becomes a value. PostgreSQL decides the type. */
export type ParameterForm = "value" | "json" | "null";

/** One parameter as it was typed. */
export interface Parameter {
  readonly form: ParameterForm;
  readonly text: string;
}

export const emptyParameter: Parameter = { form: "value", text: "" };

/** The parameters padded to `count`. Further ones are kept, so that a `$2` that is deleted and typed again has its value. */
export function padded(parameters: readonly Parameter[], count: number): readonly Parameter[] {
  if (parameters.length >= count) return parameters;
  return [...parameters, ...Array<Parameter>(count - parameters.length).fill(emptyParameter)];
}

/** The values to send: a string as typed, a JSON document, or null. Throws a SyntaxError that names the parameter with malformed JSON. */
export function parameterValues(parameters: readonly Parameter[], count: number): Json[] {
  return padded(parameters, count)
    .slice(0, count)
    .map((parameter, index) => {
      switch (parameter.form) {
        case "null":
          return null;
        case "value":
          return parameter.text;
        case "json":
          try {
            return JSON.parse(parameter.text) as Json;
          } catch (error) {
            throw new SyntaxError(`$${index + 1} is not JSON: ${(error as Error).message}`);
          }
      }
    });
}

/** The form and text that stand for a value, the inverse of `parameterValues`. */
export function parameterOf(value: Json): Parameter {
  if (value === null) return { form: "null", text: "" };
  if (typeof value === "string") return { form: "value", text: value };
  return { form: "json", text: JSON.stringify(value) };
}
