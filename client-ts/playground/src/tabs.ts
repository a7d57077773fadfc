import { DocsTab, hasDocs } from "./docs/DocsTab.tsx";
import { OptimisticTab } from "./optimistic/OptimisticTab.tsx";
import { OutboxTab } from "./outbox/OutboxTab.tsx";
import { QueriesTab } from "./queries/QueriesTab.tsx";
import type { Tab } from "./shell/Tabs.tsx";

/** The tabs in order; the page opens at the first. */
export const tabs: readonly Tab[] = [
  { id: "queries", title: "Queries", Panel: QueriesTab },
  { id: "optimistic", title: "Optimistic", Panel: OptimisticTab },
  { id: "outbox", title: "Outbox", Panel: OutboxTab },
  ...(hasDocs ? [{ id: "docs", title: "Docs", Panel: DocsTab }] : []),
];
