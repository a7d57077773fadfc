import type { Json } from "@syncengine/client";

/** How the text in a parameter's field becomes its value. Postgres gives it its type. */
export type ParameterForm = "value" | "json" | "null";

/** One parameter as the reader typed it. */
export interface Parameter {
  readonly form: ParameterForm;
  readonly text: string;
}

export const emptyParameter: Parameter = { form: "value", text: "" };

/** The parameters padded to `count`; those beyond it are kept, so that a `$2` deleted and typed again finds its value. */
export function padded(parameters: readonly Parameter[], count: number): readonly Parameter[] {
  if (parameters.length >= count) return parameters;
  return [...parameters, ...Array<Parameter>(count - parameters.length).fill(emptyParameter)];
}

/** What is sent: a string as typed, a JSON document, or null. Throws a SyntaxError naming the parameter when its JSON is none. */
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
