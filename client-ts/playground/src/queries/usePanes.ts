import { useCallback, useEffect, useReducer, useRef } from "react";
import { parameterOf, parameterValues, type Parameter } from "./parameters.ts";
import { examples, type Example } from "./examples.ts";
import { hashOf, panesOf, type PaneState } from "./paneState.ts";
import { parameterCount } from "./sqlTokens.ts";

/** Everything that can happen to the panes. */
export type PaneAction =
  | { readonly type: "add"; readonly example: Example | null }
  | { readonly type: "close"; readonly id: number }
  | { readonly type: "write"; readonly id: number; readonly sql: string }
  | { readonly type: "fill"; readonly id: number; readonly parameters: readonly Parameter[] }
  | { readonly type: "run"; readonly id: number }
  | { readonly type: "stop"; readonly id: number }
  | { readonly type: "replace"; readonly search: string };

interface Panes {
  readonly panes: readonly PaneState[];
  readonly nextId: number;
}

/** The panes, written to `search` by `onSearch`. Another `search` from outside (a link, the Back key) replaces them. */
export function usePanes(search: string, onSearch: (search: string) => void): readonly [readonly PaneState[], (action: PaneAction) => void] {
  const [{ panes }, dispatch] = useReducer(step, search, opened);

  const written = useRef(search);
  useEffect(() => {
    if (search !== written.current) {
      written.current = search;
      dispatch({ type: "replace", search });
    }
  }, [search]);

  const hash = hashOf(panes);
  const write = useRef(onSearch);
  write.current = onSearch;
  useEffect(() => {
    if (hash === written.current) return;
    written.current = hash;
    write.current(hash);
  }, [hash]);

  return [panes, useCallback((action: PaneAction) => dispatch(action), [])];
}

/** The examples that an empty link opens: an incremental one and a requery. */
const opensFirst: readonly number[] = [0, 2];

/** A pane that is opened from a link or an example runs at once. */
function opened(search: string): Panes {
  const saved = panesOf(search);
  if (saved === null) return examples.filter((_, index) => opensFirst.includes(index)).reduce<Panes>((panes, example) => added(panes, example), { panes: [], nextId: 1 });
  return {
    panes: saved.map((pane, index) => run({ ...pane, id: index + 1, run: null })),
    nextId: saved.length + 1,
  };
}

function step(state: Panes, action: PaneAction): Panes {
  switch (action.type) {
    case "add":
      return added(state, action.example);
    case "close":
      return { ...state, panes: state.panes.filter((pane) => pane.id !== action.id) };
    case "write":
      return changed(state, action.id, (pane) => ({ ...pane, sql: action.sql }));
    case "fill":
      return changed(state, action.id, (pane) => ({ ...pane, parameters: action.parameters }));
    case "run":
      return changed(state, action.id, run);
    case "stop":
      return changed(state, action.id, (pane) => ({ ...pane, run: null }));
    case "replace": {
      if (action.search === hashOf(state.panes)) return state;
      const next = opened(action.search);
      // New identities: a pane of the other link is not this one with other text.
      return { panes: next.panes.map((pane) => ({ ...pane, id: pane.id + state.nextId })), nextId: next.nextId + state.nextId };
    }
  }
}

function added({ panes, nextId }: Panes, example: Example | null): Panes {
  const pane: PaneState = { id: nextId, sql: example?.sql ?? "", parameters: example?.values.map(parameterOf) ?? [], run: null };
  return { panes: [...panes, example === null ? pane : run(pane)], nextId: nextId + 1 };
}

const changed = (state: Panes, id: number, change: (pane: PaneState) => PaneState): Panes => ({
  ...state,
  panes: state.panes.map((pane) => (pane.id === id ? change(pane) : pane)),
});

/** A pane without text runs nothing. A pane with malformed JSON shows that, and keeps the query that runs. */
function run(pane: PaneState): PaneState {
  if (pane.sql.trim() === "") return { ...pane, run: null };
  try {
    const values = parameterValues(pane.parameters, parameterCount(pane.sql));
    return { ...pane, run: { sql: pane.sql, values } };
  } catch {
    return pane;
  }
}
