import { useEffect, useEffectEvent, useSyncExternalStore } from "react";

/** A key and its action, as the help lists it. */
export interface Shortcut {
  readonly keys: string;
  readonly does: string;
}

/** The modifier key of commands on this machine. */
export const commandKey = /Mac|iPhone|iPad/.test(navigator.platform) ? "⌘" : "Ctrl";

/** Keys in a text field. They cannot be switched off: they need a modifier or have no other use. */
export const editingShortcuts: readonly Shortcut[] = [
  { keys: `${commandKey} Enter`, does: "Run the query" },
  { keys: "Esc", does: "Leave the field, so that single keys work" },
  { keys: "Tab", does: "Go to parameters, buttons and rows" },
];

/** Keys outside text fields. */
export const singleKeyShortcuts: readonly Shortcut[] = [
  { keys: "?", does: "This help" },
  { keys: "n", does: "New query beside the others" },
  { keys: "x", does: "Close this query" },
  { keys: "1 … 9", does: "Write in the first … ninth query" },
  { keys: "j, k", does: "Go to the next, the previous query" },
  { keys: "e", does: "Write in this query" },
  { keys: "r", does: "Run this query" },
  { keys: "c", does: "Start or stop changes (demo database only)" },
];

/**
 * Calls `run` when the key is pressed outside a text field and without a modifier, unless single keys are switched off.
 * Speech input and tremor press keys unintentionally.
 */
export function useShortcut(keys: string, run: (key: string) => void): void {
  const pressed = useEffectEvent((event: KeyboardEvent) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (!keys.includes(event.key) || event.key.length !== 1) return;
    if (!singleKeysAreOn() || isWriting(event.target) || document.querySelector("dialog[open]") !== null) return;
    event.preventDefault();
    run(event.key);
  });
  useEffect(() => {
    const listener = (event: KeyboardEvent) => pressed(event);
    document.addEventListener("keydown", listener);
    return () => document.removeEventListener("keydown", listener);
  }, []);
}

/** The setting of single keys, and a function that changes it. It is stored for the next visit. */
export function useSingleKeys(): readonly [boolean, (on: boolean) => void] {
  return [useSyncExternalStore(subscribe, singleKeysAreOn), setSingleKeys];
}

const setting = "syncengine.playground.singleKeys";
const listeners = new Set<() => void>();

const singleKeysAreOn = () => localStorage.getItem(setting) !== "off";

function setSingleKeys(on: boolean): void {
  localStorage.setItem(setting, on ? "on" : "off");
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const isWriting = (target: EventTarget | null) => target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;
