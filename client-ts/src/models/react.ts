import { useCallback, useSyncExternalStore } from "react";
import type { ModelData } from "./eventFold.js";
import type { Model, ModelState } from "./model.js";

const states: readonly ModelState[] = ["initialized", "syncing", "ready", "paused", "errored", "disposed"];

export interface ModelResult<T> {
  readonly state: ModelState;
  /** Null until the model was ready for the first time. */
  readonly data: ModelData<T> | null;
}

/** The data and the state of a model. The application syncs and disposes the model. */
export function useModel<T, P extends readonly unknown[]>(model: Model<T, P>): ModelResult<T> {
  const subscribe = useCallback(
    (listener: () => void) => {
      if (model.state === "disposed") return () => {};
      // Each subscription needs a function of its own: the model identifies listeners by their function.
      const changed = (): void => listener();
      model.subscribe(changed);
      const stops = states.map((state) => model.on(state, changed));
      return () => {
        model.unsubscribe(changed);
        for (const stop of stops) stop();
      };
    },
    [model],
  );
  const read = useCallback(() => model.data, [model]);
  const readState = useCallback(() => model.state, [model]);
  return { state: useSyncExternalStore(subscribe, readState, readState), data: useSyncExternalStore(subscribe, read, read) };
}
