import { useCallback, useEffect, useRef, useState } from "react";

/**
 * Repeats a request `interval` milliseconds after each answer, while the component is mounted and the page is visible.
 * The second result repeats it at once. A request that throws counts as the answer `failed`.
 */
export function usePolled<T>(ask: (signal: AbortSignal) => Promise<T>, failed: T, interval: number): readonly [T | null, () => void] {
  const [answer, setAnswer] = useState<T | null>(null);
  const wake = useRef<() => void>(() => {});

  useEffect(() => {
    const ended = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let asked = 0;

    const round = async () => {
      clearTimeout(timer);
      const mine = ++asked;
      const next = await ask(ended.signal).catch(() => failed);
      // A later round has begun, so this answer is out of date.
      if (ended.signal.aborted || mine !== asked) return;
      setAnswer(next);
      timer = setTimeout(visibleRound, interval);
    };
    const visibleRound = () => {
      if (document.visibilityState === "visible") void round();
    };

    wake.current = () => void round();
    document.addEventListener("visibilitychange", visibleRound);
    void round();
    return () => {
      ended.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", visibleRound);
    };
  }, [ask, failed, interval]);

  return [answer, useCallback(() => wake.current(), [])];
}
