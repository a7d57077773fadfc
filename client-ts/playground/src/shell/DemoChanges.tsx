import { useState } from "react";
import { refusal, request } from "../engine.ts";
import { isObject } from "../json.ts";
import { useShortcut } from "./shortcuts.ts";
import { usePolled } from "./polling.ts";

interface DemoState {
  readonly available: boolean;
  readonly running: boolean;
}

const unavailable: DemoState = { available: false, running: false };

const ask = async (signal: AbortSignal): Promise<DemoState> => {
  const { status, body } = await request("/demo/changes", { signal });
  return status === 200 && isObject(body) ? { available: body["available"] === true, running: body["running"] === true } : unavailable;
};

/** Starts and stops a stream of changes in the demo tables. Shows nothing on any other database. */
export function DemoChanges() {
  const [state, askAgain] = usePolled(ask, unavailable, 5_000);
  const [asked, setAsked] = useState<"nothing" | "waiting" | { refused: string }>("nothing");
  const { available, running } = state ?? unavailable;

  const toggle = async () => {
    if (!available || asked === "waiting") return;
    setAsked("waiting");
    try {
      const answer = await request("/demo/changes", { body: { running: !running } });
      setAsked(answer.status < 300 ? "nothing" : { refused: refusal(answer) });
    } catch (error) {
      setAsked({ refused: (error as Error).message });
    }
    askAgain();
  };
  useShortcut("c", () => void toggle());

  if (!available) return null;
  return (
    <>
      {typeof asked === "object" && <span role="alert" className="refused">{asked.refused}</span>}
      <button
        type="button"
        className={running ? "changes running" : "changes"}
        aria-keyshortcuts="c"
        aria-busy={asked === "waiting"}
        onClick={() => void toggle()}
      >
        <span className="pulse" aria-hidden="true" />
        {running ? "Stop changes" : "Start changes"}
      </button>
    </>
  );
}
