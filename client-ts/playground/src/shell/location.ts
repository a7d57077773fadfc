import { useCallback, useEffect, useState } from "react";

/** The place of the page: a tab and its part of the hash, `#/tab?search`. */
export interface Place {
  readonly tab: string;
  readonly search: string;
}

/** The place in the URL's hash, and a function that changes it. It replaces the history entry, because typing is no navigation. */
export function usePlace(): readonly [Place, (place: Place) => void] {
  const [place, setPlace] = useState(read);
  useEffect(() => {
    const changed = () => setPlace(read());
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  }, []);
  const go = useCallback((next: Place) => {
    history.replaceState(null, "", `#/${next.tab}${next.search === "" ? "" : `?${next.search}`}`);
    setPlace(next);
  }, []);
  return [place, go];
}

function read(): Place {
  const [tab = "", ...search] = location.hash.replace(/^#\/?/, "").split("?");
  return { tab, search: search.join("?") };
}
