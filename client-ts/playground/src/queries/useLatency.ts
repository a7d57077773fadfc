import { useEffect, useState } from "react";
import { noLatency, withSample, type Latency } from "./latency.ts";
import type { RunQuery } from "./paneState.ts";
import type { LiveResult } from "./useLiveResult.ts";

/** Measures commit → screen: from a diff's commit time to the frame after the one that paints its rows is asked for. */
export function useLatency({ cut, commitTime }: LiveResult, run: RunQuery | null): Latency {
  const [{ of, latency }, setState] = useState<{ of: RunQuery | null; latency: Latency }>({ of: run, latency: noLatency });

  useEffect(() => {
    if (commitTime === null) return;
    const committed = Date.parse(commitTime);
    // requestAnimationFrame runs before the paint; a message that it posts is read after it.
    const painted = new MessageChannel();
    painted.port1.onmessage = () => {
      const sample = Date.now() - committed;
      setState((state) => ({ of: run, latency: withSample(state.of === run ? state.latency : noLatency, sample) }));
    };
    const frame = requestAnimationFrame(() => painted.port2.postMessage(null));
    return () => {
      cancelAnimationFrame(frame);
      painted.port1.close();
    };
  }, [cut, commitTime, run]);

  return of === run ? latency : noLatency;
}
