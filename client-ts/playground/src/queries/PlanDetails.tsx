import { useState } from "react";
import { client } from "../engine.ts";
import { Dialog } from "../shell/Dialog.tsx";
import type { RunQuery } from "./paneState.ts";

/** The plan of the running query in full, loaded on request. */
export function PlanDetails({ run }: { run: RunQuery | null }) {
  const [shown, setShown] = useState<{ text: string } | "asking" | null>(null);
  if (run === null) return null;

  const explain = async () => {
    setShown("asking");
    try {
      setShown({ text: JSON.stringify(await client.explain(run.sql, run.values), null, 2) });
    } catch (error) {
      setShown({ text: (error as Error).message });
    }
  };

  return (
    <>
      <button type="button" className="quiet" onClick={() => void explain()}>
        Explain
      </button>
      {shown !== null && (
        <Dialog title="The plan in full" onClose={() => setShown(null)}>
          {shown === "asking" ? <p role="status">Loading the plan…</p> : <pre className="plan" tabIndex={0}>{shown.text}</pre>}
        </Dialog>
      )}
    </>
  );
}
