import { useState, type FormEvent } from "react";
import { SyncProvider } from "@syncengine/client/react";
import type { MutationHandle } from "@syncengine/client/optimistic";
import { useOptimisticQuery } from "@syncengine/client/optimistic/react";
import { client } from "../engine.ts";
import type { TabProps } from "../shell/Tabs.tsx";
import { applyMessage, chatQuery, type ChatRow } from "./chatRows.ts";
import { writeMessage } from "./demoWrite.ts";

const longestBody = 500;

/** A chat whose messages are shown before the server has them. */
export function OptimisticTab({ isShown }: TabProps) {
  return <SyncProvider client={client}>{isShown && <Chat />}</SyncProvider>;
}

function Chat() {
  const { rows, keyOf, mutate, status, error, pending } = useOptimisticQuery<ChatRow>(chatQuery, [], { apply: applyMessage });
  const [body, setBody] = useState("");
  const [latency, setLatency] = useState(1_000);
  const [rejects, setRejects] = useState(false);
  const [handles, setHandles] = useState<ReadonlyMap<string, MutationHandle>>(new Map());
  const [outcome, setOutcome] = useState<string | null>(null);

  const say = (event: FormEvent) => {
    event.preventDefault();
    const text = body.trim();
    if (text === "") return;
    const handle = mutate({ name: "say", data: text }, ({ mutationId }, signal) => writeMessage(mutationId, text, { latency, rejects }, signal));
    setHandles((before) => new Map(before).set(handle.mutationId, handle));
    const ended = (how: string) => {
      setOutcome(`${how}: ${text}`);
      setHandles((before) => new Map([...before].filter(([id]) => id !== handle.mutationId)));
    };
    handle.confirmation.then(
      () => ended("Confirmed"),
      (cause: Error) => ended(`Rolled back (${cause.message})`),
    );
    setBody("");
  };

  return (
    <section className="chat" aria-label="Optimistic chat">
      <p>
        A message is shown at once, in grey while the server does not have it. It becomes the row at the cut that holds it. A rejected message disappears.
      </p>
      <form onSubmit={say}>
        <input type="text" aria-label="Message" placeholder="Say something" maxLength={longestBody} value={body} onChange={(event) => setBody(event.target.value)} />
        <button type="submit" className="primary" disabled={status !== "live"}>
          Say
        </button>
      </form>
      <div className="chat-settings">
        <label>
          Latency
          <input type="range" min={0} max={5_000} step={100} value={latency} onChange={(event) => setLatency(Number(event.target.value))} />
          {latency} ms
        </label>
        <label className="switch">
          <input type="checkbox" checked={rejects} onChange={(event) => setRejects(event.target.checked)} />
          Server rejects
        </label>
        <span data-testid="pending-count">{pending.length} pending</span>
      </div>
      {error !== null && <p className="notice error" role="alert">{error.message}</p>}
      {outcome !== null && <p role="status" data-testid="outcome">{outcome}</p>}
      <ol aria-label="Messages" aria-busy={status !== "live"}>
        {rows.map((row) => (
          <li key={keyOf(row)} className={row.mutationId === undefined ? "confirmed" : "pending"}>
            <b>{row.author}</b>
            <span>{row.body}</span>
            {row.mutationId !== undefined && (
              <button type="button" className="link" onClick={() => handles.get(row.mutationId!)?.cancel()}>
                Cancel
              </button>
            )}
          </li>
        ))}
      </ol>
    </section>
  );
}
