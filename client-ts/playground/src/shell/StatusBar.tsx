import { hasDocs } from "../docs/DocsTab.tsx";
import { engineUrl, request } from "../engine.ts";
import { healthOf, unreachable } from "./health.ts";
import { usePolled } from "./polling.ts";

const ask = async (signal: AbortSignal) => healthOf(await request("/health/ready", { signal }));

/** The engine's version and readiness, and links to its other endpoints. */
export function StatusBar() {
  const [health] = usePolled(ask, unreachable, 5_000);
  const state = health?.state ?? "connecting";

  return (
    <footer className="status-bar">
      <div className="engine" role="status" aria-label="Engine">
        <span className={`dot dot-${state.replace(" ", "-")}`} aria-hidden="true" />
        <span>
          SyncEngine{health?.version && ` ${health.version}`} · <strong data-testid="readiness">{state}</strong>
        </span>
      </div>
      <ul className="parts" aria-label="Parts of the engine">
        {health?.parts.map((part) => (
          <li key={part.name} title={part.about}>
            <b>{part.name}</b> {part.status}
          </li>
        ))}
      </ul>
      <nav aria-label="Elsewhere">
        <a href={`${engineUrl}/health/ready`}>Health</a>
        <a href={`${engineUrl}/metrics`}>Metrics</a>
        {hasDocs && <a href="#/docs">Docs</a>}
      </nav>
    </footer>
  );
}
