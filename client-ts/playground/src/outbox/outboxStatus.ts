import type { Answer } from "../engine.ts";
import { healthOf, type HealthPart } from "../shell/health.ts";
import { labelOf, seriesOf, sumOf } from "./metrics.ts";

/** The state of the outbox, from the engine's health and metrics. */
export interface OutboxStatus {
  readonly state: "open" | "closed" | "unreachable";
  /** `full: 2 nodes`, or the reason why it is less. */
  readonly mode: string;
  readonly targets: readonly TargetStatus[];
  /** Parts for database and tables that are not up, or have a detail. */
  readonly remarks: readonly HealthPart[];
  /** Channels that are blocked, with code and reason; empty for none. */
  readonly blocked: string;
  readonly waiting: number;
  readonly published: number;
  readonly deadLetters: number;
}

export interface TargetStatus {
  readonly name: string;
  readonly status: string;
  readonly reason: string;
  readonly published: number;
}

export const unknownStatus: OutboxStatus = { state: "unreachable", mode: "", targets: [], remarks: [], blocked: "", waiting: 0, published: 0, deadLetters: 0 };

/** Every part of the outbox that is not one of these is a target. */
const ownParts = ["postgres", "outbox_table", "nodes_table", "channels"];
const prefix = "outbox.";

export function outboxStatusOf(health: Answer, metrics: string): OutboxStatus {
  const { state, parts: all } = healthOf(health);
  if (all.length === 0) return state === "unreachable" || health.status !== 200 ? unknownStatus : { ...unknownStatus, state: "closed" };
  const parts = all.filter(({ name }) => name.startsWith(prefix)).map((part) => ({ ...part, name: part.name.slice(prefix.length) }));
  if (parts.length === 0) return { ...unknownStatus, state: "closed" };

  const published = seriesOf(metrics, "sync_outbox_published_total");
  const detail = (name: string) => parts.find((part) => part.name === name)?.detail ?? "";
  const nodes = parts.find(({ name }) => name === "nodes_table");
  return {
    state: "open",
    mode: nodes?.status === "up" ? nodes.detail || "starting" : "not running",
    targets: parts
      .filter(({ name }) => !ownParts.includes(name))
      .map(({ name, status, detail }) => ({
        name,
        status,
        reason: detail,
        published: published.filter((series) => labelOf(series, "target") === name).reduce((sum, { value }) => sum + value, 0),
      })),
    remarks: parts.filter(({ name, status, detail }) => ["postgres", "outbox_table", "nodes_table"].includes(name) && (status !== "up" || (name !== "nodes_table" && detail !== ""))),
    blocked: /^\d+ channels? waits?: /.test(detail("channels")) ? detail("channels").replace(/; \d+( or more)? dead letters?; .*$/, "") : "",
    waiting: sumOf(metrics, "sync_outbox_waiting_rows"),
    published: sumOf(metrics, "sync_outbox_published_total"),
    deadLetters: sumOf(metrics, "sync_outbox_dead_letters"),
  };
}

/** The number of published messages at a time, in milliseconds. */
export interface Sample {
  readonly at: number;
  readonly published: number;
}

const span = 5_000;

/** The samples of the last seconds. A counter that went back belongs to a new process, so earlier samples are dropped. */
export function withSample(samples: readonly Sample[], sample: Sample): readonly Sample[] {
  const last = samples.at(-1);
  return last !== undefined && sample.published < last.published ? [sample] : [...samples.filter(({ at }) => at >= sample.at - span), sample];
}

/** Messages a second over the samples; null while there is one only. */
export function rateOf(samples: readonly Sample[]): number | null {
  const [first, last] = [samples[0], samples.at(-1)];
  return first === undefined || last === undefined || last.at <= first.at ? null : ((last.published - first.published) * 1_000) / (last.at - first.at);
}
