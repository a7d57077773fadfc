import { useEffect, useRef, useState } from "react";
import type { TabProps } from "../shell/Tabs.tsx";
import { useShortcut } from "../shell/shortcuts.ts";
import { examples } from "./examples.ts";
import { QueryPane } from "./QueryPane.tsx";
import { usePanes } from "./usePanes.ts";

/** Queries side by side. */
export function QueriesTab({ search, onSearch, isShown }: TabProps) {
  const [panes, dispatch] = usePanes(search, onSearch);
  const grid = useRef<HTMLDivElement>(null);
  const [current, setCurrent] = useState<number | null>(null);

  const pane = (index: number) => grid.current?.querySelectorAll<HTMLElement>("[data-pane]")[index];
  const at = Math.max(0, panes.findIndex(({ id }) => id === current));
  const write = (index: number) => pane(index)?.querySelector("textarea")?.focus();

  // A new pane takes the focus. When the focused pane was closed, its neighbour takes it.
  const count = useRef(panes.length);
  useEffect(() => {
    const before = count.current;
    count.current = panes.length;
    if (panes.length > before) {
      pane(panes.length - 1)?.scrollIntoView({ block: "nearest" });
      write(panes.length - 1);
    } else if (panes.length < before && document.activeElement === document.body) {
      (pane(Math.min(at, panes.length - 1)) ?? grid.current)?.focus();
    }
  });

  const shortcut = (key: string) => {
    if (!isShown) return;
    const chosen = panes[at];
    if (key === "n") dispatch({ type: "add", example: null });
    else if (key === "j") pane((at + 1) % panes.length)?.focus();
    else if (key === "k") pane((at + panes.length - 1) % panes.length)?.focus();
    else if (key === "e") write(at);
    else if (key >= "1" && key <= "9") write(Number(key) - 1);
    else if (chosen !== undefined && (key === "x" || key === "r")) dispatch({ type: key === "x" ? "close" : "run", id: chosen.id });
  };
  useShortcut("nxjker123456789", shortcut);

  return (
    <>
      <div className="examples" role="group" aria-label="Example queries">
        <span aria-hidden="true">Examples</span>
        {examples.map((example) => (
          <button key={example.title} type="button" className="example" title={example.about} onClick={() => dispatch({ type: "add", example })}>
            {example.title}
          </button>
        ))}
        <button type="button" className="new" aria-keyshortcuts="n" title="New query (n)" onClick={() => dispatch({ type: "add", example: null })}>
          + New query
        </button>
      </div>
      <div className="panes" ref={grid} tabIndex={-1}>
        {panes.map((state, index) => (
          <QueryPane key={state.id} state={state} number={index + 1} dispatch={dispatch} onCurrent={setCurrent} />
        ))}
        {panes.length === 0 && (
          <div className="empty-page">
            <p>No query is open.</p>
            <p>
              Choose an example above, or press <kbd>n</kbd> to write one of your own.
            </p>
          </div>
        )}
      </div>
    </>
  );
}
