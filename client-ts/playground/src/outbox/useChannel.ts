import { useEffect, useState } from "react";
import { client } from "../engine.ts";
import { append, emptyLog, textOf, type ChannelLog } from "./messages.ts";

/** Listens to a channel while the component is mounted. After a lost connection it resumes after the last message. */
export function useChannel(channel: string): ChannelLog {
  const [log, setLog] = useState(emptyLog);

  useEffect(() => {
    let now = emptyLog;
    let stop = () => {};
    const show = (next: ChannelLog) => setLog((now = next));
    show(emptyLog);
    const release = client.keepConnected({
      opened: () => {
        stop();
        show({ ...now, status: "connecting", hasGap: false, error: null });
        stop = client.channel(channel, now.from, {
          item: (item) => show(append(now, item)),
          ended: (error) => {
            // A lost connection calls `lost`, and an error that came as an item is shown already.
            if (error !== null && error.code !== "network_error") show({ ...now, status: "ended", error: textOf(error) });
          },
        });
      },
      lost: (error) => {
        stop();
        show({ ...now, status: "connecting", error: error === undefined ? null : textOf(error) });
      },
      refused: (error) => show({ ...now, status: "ended", error: textOf(error) }),
    });
    return () => {
      stop();
      release();
    };
  }, [channel]);

  return log;
}
