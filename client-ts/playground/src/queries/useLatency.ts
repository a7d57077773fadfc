import { useEffect, useState } from "react";
import { client } from "../engine.ts";
import { noLatency, withSample, type Latency } from "./latency.ts";
import type { RunQuery } from "./paneState.ts";

/** Measures commit → screen for every diff of the running query: from its commit time until its rows have been painted. */
export function useLatency(run: RunQuery | null): Latency {
  const [{ of, latency }, setState] = useState<{ of: RunQuery | null; latency: Latency }>({ of: run, latency: noLatency });

  useEffect(() => {
    if (run === null) return;
    let waiting: number[] = [];
    let frame = 0;

    // requestAnimationFrame runs before the paint; a message that it posts is read after it.
    const painted = new MessageChannel();
    painted.port1.onmessage = () => {
      const now = Date.now();
      const samples = waiting.map((committed) => now - committed);
      waiting = [];
      setState((state) => ({ of: run, latency: samples.reduce(withSample, state.of === run ? state.latency : noLatency) }));
    };

    // The pane renders in the frame after the change, and so does this call.
    const end = client.liveQuery(run.sql, run.values).onFrame((observation) => {
      if (observation.type !== "diff" || observation.commitTime === null) return;
      waiting.push(Date.parse(observation.commitTime));
      if (waiting.length === 1) frame = requestAnimationFrame(() => painted.port2.postMessage(null));
    });

    return () => {
      end();
      cancelAnimationFrame(frame);
      painted.port1.close();
    };
  }, [run]);

  return of === run ? latency : noLatency;
}
