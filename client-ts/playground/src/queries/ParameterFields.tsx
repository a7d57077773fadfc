import { useId } from "react";
import { padded, type Parameter, type ParameterForm } from "./parameters.ts";

interface ParameterFieldsProps {
  readonly count: number;
  readonly parameters: readonly Parameter[];
  readonly onChange: (parameters: readonly Parameter[]) => void;
}

/** A field for each parameter that the query mentions. */
export function ParameterFields({ count, parameters, onChange }: ParameterFieldsProps) {
  const id = useId();
  if (count === 0) return null;
  const all = padded(parameters, count);
  const change = (index: number, part: Partial<Parameter>) => onChange(all.with(index, { ...all[index]!, ...part }));

  return (
    <div className="parameters" role="group" aria-label="Parameters">
      {all.slice(0, count).map(({ form, text }, index) => {
        const name = `$${index + 1}`;
        return (
          <div key={index} className="parameter">
            <label htmlFor={`${id}-${index}`}>{name}</label>
            <input
              id={`${id}-${index}`}
              value={form === "null" ? "" : text}
              disabled={form === "null"}
              placeholder={form === "null" ? "NULL" : form === "json" ? '[1, "two"]' : "value"}
              spellCheck={false}
              autoComplete="off"
              onChange={(event) => change(index, { text: event.target.value })}
            />
            <select aria-label={`Form of ${name}`} value={form} onChange={(event) => change(index, { form: event.target.value as ParameterForm })}>
              <option value="value">value</option>
              <option value="json">JSON</option>
              <option value="null">NULL</option>
            </select>
          </div>
        );
      })}
    </div>
  );
}
