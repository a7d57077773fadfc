import { useRef, type ComponentType, type KeyboardEvent } from "react";

/** The properties of a tab: its part of the hash, a function to write it, and whether the tab is shown. */
export interface TabProps {
  readonly search: string;
  readonly onSearch: (search: string) => void;
  readonly isShown: boolean;
}

/** One tab of the page. A new one is a component and a line in tabs.ts. */
export interface Tab {
  readonly id: string;
  readonly title: string;
  readonly Panel: ComponentType<TabProps>;
}

/** The row of tabs, with ARIA's keys: arrows, Home and End. */
export function TabList({ tabs, current, onSelect }: { tabs: readonly Tab[]; current: string; onSelect: (id: string) => void }) {
  const list = useRef<HTMLDivElement>(null);

  const pressed = (event: KeyboardEvent) => {
    const at = tabs.findIndex((tab) => tab.id === current);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = tabs.at(to % tabs.length)!;
    onSelect(next.id);
    list.current?.querySelector<HTMLElement>(`#tab-${next.id}`)?.focus();
  };

  return (
    <div ref={list} role="tablist" aria-label="Playground" className="tabs" onKeyDown={pressed}>
      {tabs.map(({ id, title }) => (
        <button
          key={id}
          type="button"
          role="tab"
          id={`tab-${id}`}
          aria-controls={`panel-${id}`}
          aria-selected={id === current}
          tabIndex={id === current ? 0 : -1}
          onClick={() => onSelect(id)}
        >
          {title}
        </button>
      ))}
    </div>
  );
}
