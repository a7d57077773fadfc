import { useEffect, useState } from "react";
import { client } from "../engine.ts";
import { hear, silence, textOf, type Heard } from "./messages.ts";

/** Listens to a channel for as long as the component is mounted; after a lost connection it goes on after the last message. */
export function useChannel(channel: string): Heard {
  const [heard, setHeard] = useState(silence);

  useEffect(() => {
    let now = silence;
    let stop = () => {};
    const tell = (next: Heard) => setHeard((now = next));
    tell(silence);
    const release = client.hold({
      opened: () => {
        stop();
        tell({ ...now, status: "connecting", hasGap: false, error: null });
        stop = client.channel(channel, now.from, {
          item: (item) => tell(hear(now, item)),
          ended: (error) => {
            // A connection that is lost says so itself; an error that came as an item is told already.
            if (error !== null && error.code !== "network_error") tell({ ...now, status: "ended", error: textOf(error) });
          },
        });
      },
      lost: (error) => {
        stop();
        tell({ ...now, status: "connecting", error: error === undefined ? null : textOf(error) });
      },
      refused: (error) => tell({ ...now, status: "ended", error: textOf(error) }),
    });
    return () => {
      stop();
      release();
    };
  }, [channel]);

  return heard;
}
