import { useCallback, useEffect, useState } from "react";

/** Where the page is: a tab, and that tab's own part of the hash. `#/tab?search`. */
export interface Place {
  readonly tab: string;
  readonly search: string;
}

/** The place in the URL's hash, and the way to another one. Writing replaces the entry: typing is no navigation. */
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
