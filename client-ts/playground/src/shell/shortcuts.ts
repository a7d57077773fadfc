import { useEffect, useEffectEvent, useSyncExternalStore } from "react";

/** A key and what it does, as the help lists it. */
export interface Shortcut {
  readonly keys: string;
  readonly does: string;
}

/** The key that commands are given with on this machine. */
export const commandKey = /Mac|iPhone|iPad/.test(navigator.platform) ? "⌘" : "Ctrl";

/** While a text is being written. They cannot be switched off: they need a modifier or do nothing else. */
export const editingShortcuts: readonly Shortcut[] = [
  { keys: `${commandKey} Enter`, does: "Run the query" },
  { keys: "Esc", does: "Leave the field, so that single keys work" },
  { keys: "Tab", does: "Go on to parameters, buttons and rows" },
];

/** Anywhere else. */
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
 * Calls `run` when the key is pressed outside of a text field and with no modifier, unless the reader has switched single keys off
 * (speech input and shaky hands press them unasked).
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

/** Whether single keys are on, and the switch. Kept for the next visit. */
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
