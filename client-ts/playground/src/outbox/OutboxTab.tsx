import { useRef } from "react";
import { request } from "../engine.ts";
import { usePolled } from "../shell/polling.ts";
import type { TabProps } from "../shell/Tabs.tsx";
import { ChannelListener } from "./ChannelListener.tsx";
import { CopyableText } from "./CopyableText.tsx";
import { outboxStatusOf, unknownStatus, rateOf, withSample, type OutboxStatus, type Sample, type TargetStatus } from "./outboxStatus.ts";
import { insertInto } from "./messages.ts";

const server = "dotnet run --project src/SyncEngine.Server --";
const toTheHub = "--SyncEngine:Outbox:Targets:0:Target=hub";

const ask = async (signal: AbortSignal): Promise<OutboxStatus> => {
  const [health, metrics] = await Promise.all([request("/health/ready", { signal }), request("/metrics", { signal })]);
  return outboxStatusOf(health, String(metrics.body));
};

/** The state of the outbox, and the messages of its channels. */
export function OutboxTab({ search, onSearch, isShown }: TabProps) {
  const channel = new URLSearchParams(search).get("channel") ?? "";
  const listen = (name: string) => onSearch(name === "" ? "" : new URLSearchParams({ channel: name }).toString());
  return (
    <section className="outbox" aria-label="Outbox">
      <p>A backend writes an event into a table, in the transaction of its data. The engine publishes it, per channel in the order in which rows became visible.</p>
      {isShown && <Outbox channel={channel} onChannel={listen} />}
    </section>
  );
}

function Outbox({ channel, onChannel }: { channel: string; onChannel: (channel: string) => void }) {
  const [outbox] = usePolled(ask, unknownStatus, 1_000);
  if (outbox === null) return null;
  switch (outbox.state) {
    case "unreachable":
      return <p className="notice passing">The engine does not answer. The page tries again every second.</p>;
    case "closed":
      return <Invitation />;
    case "open":
      return (
        <>
          <Figures outbox={outbox} />
          <ChannelListener channel={channel} onChannel={onChannel} />
          {!outbox.targets.some(({ name }) => name === "hub") && (
            <p className="hint">Channels go to {outbox.targets.map(({ name }) => name).join(" and ")}; this page receives those that SyncEngine:Outbox:Targets sends to the hub.</p>
          )}
        </>
      );
  }
}

function Invitation() {
  return (
    <div className="invitation" data-testid="outbox-closed">
      <p>The outbox is not open on this engine. Stop the engine and start it with this option. It then creates the tables in its own PostgreSQL and publishes to the hub, and you can listen here:</p>
      <CopyableText text={`${server} ${toTheHub}`} />
      <p>Then write a message in psql, at the address in the line “Database:” of its output. It arrives in this tab:</p>
      <CopyableText text={insertInto("room:1")} />
      <p>On a database of your own, run the command “setup” with the same option first, and write the message there.</p>
    </div>
  );
}

function Figures({ outbox }: { outbox: OutboxStatus }) {
  const { mode, targets, remarks, blocked, waiting, published, deadLetters } = outbox;
  const rate = useRate(outbox);
  return (
    <>
      <dl className="figures">
        <Figure name="Mode" value={mode} id="mode" />
        <Figure name="Rows waiting" value={waiting.toLocaleString()} id="waiting" />
        <Figure name="Published" value={published.toLocaleString()} id="published" />
        <Figure name="Per second" value={rate === null ? "–" : rate.toLocaleString(undefined, { maximumFractionDigits: 1 })} id="rate" />
        <Figure name="Dead letters" value={deadLetters.toLocaleString()} id="dead-letters" />
      </dl>
      <ul className="targets" aria-label="Targets">
        {targets.map((target) => (
          <Target key={target.name} target={target} />
        ))}
      </ul>
      {remarks.map(({ name, status, detail }) => (
        <p key={name} className={status === "up" ? "notice passing" : "notice error"}>
          <b>{name}</b> {status === "up" ? "" : status} {detail}
        </p>
      ))}
      {blocked !== "" && (
        <p className="notice passing" data-testid="blocked">
          {blocked}
        </p>
      )}
      {deadLetters > 0 && (
        <div className="notice passing">
          <p>Messages that a target refused for good are in sync.dead_letters, with the reason. This command puts them back; start it with the options of the engine.</p>
          <CopyableText text={`${server} replay-dead-letters --all${targets.every(({ name }) => name === "hub") ? ` ${toTheHub}` : ""}`} />
        </div>
      )}
    </>
  );
}

function Figure({ name, value, id }: { name: string; value: string; id: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd data-testid={`outbox-${id}`}>{value}</dd>
    </div>
  );
}

function Target({ target: { name, status, reason, published } }: { target: TargetStatus }) {
  return (
    <li>
      <span className={`dot dot-${{ up: "ready", starting: "connecting" }[status] ?? "error"}`} aria-hidden="true" />
      <b>{name}</b> {status}
      {reason !== "" && <span className="target-reason">{reason}</span>}
      <span className="spring" />
      <span>{published.toLocaleString()} published</span>
    </li>
  );
}

/** Takes one sample per status object. */
function useRate(outbox: OutboxStatus): number | null {
  const seen = useRef<{ readonly outbox: OutboxStatus | null; readonly samples: readonly Sample[] }>({ outbox: null, samples: [] });
  if (seen.current.outbox !== outbox) seen.current = { outbox, samples: withSample(seen.current.samples, { at: performance.now(), published: outbox.published }) };
  return rateOf(seen.current.samples);
}
