import { useEffect, useState } from "react";
import type { TabProps } from "../shell/Tabs.tsx";
import { Markdown } from "./Markdown.tsx";

// The project's own pages, built in, so that they need no network. Each is a chunk that is loaded when it is opened.
const pages = Object.entries(import.meta.glob<string>("../../../../docs/*.md", { query: "?raw", import: "default" }))
  .map(([path, load]) => ({ name: path.slice(path.lastIndexOf("/") + 1, -".md".length), load }))
  .sort((left, right) => left.name.localeCompare(right.name));

export const hasDocs = pages.length > 0;

/** The documentation. The hash holds the page's name. */
export function DocsTab({ search, onSearch, isShown }: TabProps) {
  const page = pages.find(({ name }) => name === search) ?? pages.find(({ name }) => name === "PROTOCOL") ?? pages[0]!;
  const [text, setText] = useState<{ of: string; text: string } | null>(null);
  useEffect(() => {
    if (isShown) void page.load().then((loaded) => setText({ of: page.name, text: loaded }));
  }, [page, isShown]);

  return (
    <div className="docs">
      <nav aria-label="Pages">
        {pages.map(({ name }) => (
          <button key={name} type="button" aria-current={name === page.name ? "page" : undefined} onClick={() => onSearch(name)}>
            {name.toLowerCase().replaceAll("_", " ")}
          </button>
        ))}
      </nav>
      <article tabIndex={0} aria-label={page.name}>
        {text?.of === page.name ? <Markdown text={text.text} /> : <p role="status">Loading…</p>}
      </article>
    </div>
  );
}
