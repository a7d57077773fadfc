import { useRef } from "react";
import { request } from "../engine.ts";
import { usePolled } from "../shell/polling.ts";
import type { TabProps } from "../shell/Tabs.tsx";
import { ChannelListener } from "./ChannelListener.tsx";
import { CopyableText } from "./CopyableText.tsx";
import { glanceOf, outOfSight, rateOf, withSample, type Glance, type Sample, type TargetGlance } from "./glance.ts";
import { insertInto } from "./messages.ts";

const server = "dotnet run --project src/SyncEngine.Server --";
const toTheHub = "--SyncEngine:Outbox:Targets:0:Target=hub";

const ask = async (signal: AbortSignal): Promise<Glance> => {
  const [health, metrics] = await Promise.all([request("/health/ready", { signal }), request("/metrics", { signal })]);
  return glanceOf(health, String(metrics.body));
};

/** How the outbox does, and what its channels say. */
export function OutboxTab({ search, onSearch, isShown }: TabProps) {
  const channel = new URLSearchParams(search).get("channel") ?? "";
  const listen = (name: string) => onSearch(name === "" ? "" : new URLSearchParams({ channel: name }).toString());
  return (
    <section className="outbox" aria-label="Outbox">
      <p>A backend writes an event into a table, in the transaction of its data; the engine publishes it, per channel in the order in which rows became visible.</p>
      {isShown && <Outbox channel={channel} onChannel={listen} />}
    </section>
  );
}

function Outbox({ channel, onChannel }: { channel: string; onChannel: (channel: string) => void }) {
  const [glance] = usePolled(ask, outOfSight, 1_000);
  if (glance === null) return null;
  switch (glance.state) {
    case "unreachable":
      return <p className="notice passing">The engine does not answer. It is asked every second.</p>;
    case "closed":
      return <Invitation />;
    case "open":
      return (
        <>
          <Figures glance={glance} />
          <ChannelListener channel={channel} onChannel={onChannel} />
          {!glance.targets.some(({ name }) => name === "hub") && (
            <p className="hint">Channels go to {glance.targets.map(({ name }) => name).join(" and ")}; here you hear those that SyncEngine:Outbox:Targets sends to the hub.</p>
          )}
        </>
      );
  }
}

function Invitation() {
  return (
    <div className="invitation" data-testid="outbox-closed">
      <p>The outbox is not open on this engine. Stop it and start it like this, and it makes the tables that it needs in its own PostgreSQL and publishes to the hub, so that you can listen here:</p>
      <CopyableText text={`${server} ${toTheHub}`} />
      <p>Then write a message, in psql at the address that its line “Database:” names, and see it arrive in this tab:</p>
      <CopyableText text={insertInto("room:1")} />
      <p>On a database of your own, run the command “setup” with the same option first, and write the message there.</p>
    </div>
  );
}

function Figures({ glance }: { glance: Glance }) {
  const { mode, targets, remarks, held, waiting, published, deadLetters } = glance;
  const rate = useRate(glance);
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
      {held !== "" && (
        <p className="notice passing" data-testid="held">
          {held}
        </p>
      )}
      {deadLetters > 0 && (
        <div className="notice passing">
          <p>What a target refused for good is in sync.dead_letters, with the reason. This puts it back; give it the options that the engine was started with.</p>
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

function Target({ target: { name, status, reason, published } }: { target: TargetGlance }) {
  return (
    <li>
      <span className={`dot dot-${{ up: "ready", starting: "asking" }[status] ?? "error"}`} aria-hidden="true" />
      <b>{name}</b> {status}
      {reason !== "" && <span className="target-reason">{reason}</span>}
      <span className="spring" />
      <span>{published.toLocaleString()} published</span>
    </li>
  );
}

/** Each glance is an object of its own, taken when it was first shown. */
function useRate(glance: Glance): number | null {
  const seen = useRef<{ readonly glance: Glance | null; readonly samples: readonly Sample[] }>({ glance: null, samples: [] });
  if (seen.current.glance !== glance) seen.current = { glance, samples: withSample(seen.current.samples, { at: performance.now(), published: glance.published }) };
  return rateOf(seen.current.samples);
}
