import { useRef, useState } from "react";
import { changeToken, currentToken } from "./engine.ts";
import { DemoChanges } from "./shell/DemoChanges.tsx";
import { HelpDialog } from "./shell/HelpDialog.tsx";
import { usePlace } from "./shell/location.ts";
import { useShortcut } from "./shell/shortcuts.ts";
import { StatusBar } from "./shell/StatusBar.tsx";
import { TabList } from "./shell/Tabs.tsx";
import { TokenDialog } from "./shell/TokenDialog.tsx";
import { tabs } from "./tabs.ts";

/** The page: header, the tabs and their panels, status bar. */
export function App() {
  const [token, setToken] = useState(currentToken);
  const [dialog, setDialog] = useState<"help" | "token" | null>(null);
  const [place, go] = usePlace();
  const current = tabs.find((tab) => tab.id === place.tab) ?? tabs[0]!;
  useShortcut("?", () => setDialog("help"));

  // A hidden tab keeps its part of the hash until it is shown again.
  const searches = useRef(new Map<string, string>());
  searches.current.set(current.id, place.tab === current.id ? place.search : "");
  const remember = (tab: string, search: string) => {
    if (tab === current.id) go({ tab, search });
    else searches.current.set(tab, search);
  };

  const askWith = (next: string) => {
    changeToken(next);
    setToken(next);
  };

  return (
    <>
      <header className="top">
        <h1>
          <img src={new URL("./icon.svg", import.meta.url).href} alt="" width="22" height="22" />
          SyncEngine
        </h1>
        <TabList tabs={tabs} current={current.id} onSelect={(tab) => go({ tab, search: searches.current.get(tab) ?? "" })} />
        <div className="top-actions">
          <DemoChanges />
          <button type="button" className="quiet" onClick={() => setDialog("token")}>
            {token === "" ? "Token" : "Token ✓"}
          </button>
          <button type="button" className="quiet icon" aria-label="Help: keys and colours" aria-keyshortcuts="?" title="Help (?)" onClick={() => setDialog("help")}>
            ?
          </button>
        </div>
      </header>
      <main>
        {tabs.map(({ id, Panel }) => (
          <div key={id} className="panel" id={`panel-${id}`} role="tabpanel" aria-labelledby={`tab-${id}`} hidden={id !== current.id}>
            <Panel search={searches.current.get(id) ?? ""} onSearch={(search) => remember(id, search)} isShown={id === current.id} />
          </div>
        ))}
      </main>
      <StatusBar />
      {dialog === "help" && <HelpDialog onClose={() => setDialog(null)} />}
      {dialog === "token" && <TokenDialog token={token} onToken={askWith} onClose={() => setDialog(null)} />}
    </>
  );
}
