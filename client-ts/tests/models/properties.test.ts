import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ConfirmedEvent, OptimisticEvent, SourceMessage } from "../../src/models/index.js";
import { ModelsClient } from "../../src/models/index.js";
import { message, ScriptedSource } from "../support/channel.js";
import { ManualClock, allSettled } from "../support/engine.js";

/** The events of the backend, and those that it refused. */
class Backend {
  readonly log: SourceMessage[] = [];

  publish(mutationId: string, isRejected: boolean): SourceMessage {
    const made = message(this.log.length + 1, mutationId, null, { isRejected });
    this.log.push(made);
    return made;
  }

  /** The state after so many events. */
  stateAt(id: number): readonly string[] {
    return this.log.slice(0, id).filter((made) => made.headers["x-ably-models-reject"] !== "true").map((made) => made.headers["x-ably-models-event-uuid"] as string);
  }
}

/** Not commutative, so that order is seen. */
const merge = (state: readonly string[], event: OptimisticEvent | ConfirmedEvent): readonly string[] => [...state, event.confirmed ? event.mutationId : `${event.mutationId}?`];

type Command =
  | { readonly type: "optimistic" | "cancel" | "confirm" | "reject"; readonly which: number }
  | { readonly type: "stranger" | "duplicate"; readonly which: number }
  | { readonly type: "deliver"; readonly which: number }
  | { readonly type: "pass"; readonly which: number }
  | { readonly type: "sync" | "lose" | "pause" | "live" | "forget"; readonly which: number };

const command: fc.Arbitrary<Command> = fc.record({
  type: fc.constantFrom("optimistic", "optimistic", "confirm", "confirm", "reject", "cancel", "stranger", "deliver", "deliver", "duplicate", "pass", "sync", "lose", "pause", "live", "live", "forget"),
  which: fc.nat({ max: 30 }),
});

describe("any interleaving", () => {
  it("leaves the confirmed state as the fold of what was not rejected, once and in order, and the optimistic one as the pending upon it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 60 }), fc.constantFrom(0, 50), async (commands, bufferMs) => {
        const backend = new Backend();
        const source = new ScriptedSource();
        const clock = new ManualClock();
        const sync = () => Promise.resolve({ data: backend.stateAt(backend.log.length), sequenceId: String(backend.log.length) });
        const client = new ModelsClient({ source, clock, warn: () => {}, eventBufferOptions: { bufferMs }, optimisticEventOptions: { timeout: 300 } });
        const model = client.models.get({ channelName: "c", sync, merge });
        const pending = new Map<string, () => void>();
        const answered = new Set<string>();
        let made = 0;
        /** The position up to which the open feed has sent. */
        let sent = 0;
        let feed: unknown = null;

        // The channel sends, in order, the messages after the position at which the feed was opened.
        const send = (most: number): void => {
          if (source.feeds.length === 0) return;
          if (feed !== source.feed) {
            feed = source.feed;
            sent = Number(source.feed.after);
          }
          for (const each of backend.log.slice(sent, sent + most)) {
            if (source.feed.isClosed) return;
            sent = Number(each.id);
            source.send(each);
          }
        };
        const goLive = (): void => {
          send(Number.POSITIVE_INFINITY);
          if (model.state === "syncing" && source.feeds.length > 0 && !source.feed.isClosed) source.feed.reader.live();
        };
        const check = (): void => {
          if (model.data === null) return;
          const { confirmed, optimistic } = model.data;
          const ids = [...pending.keys()];
          // Some prefix of the log, folded; never a gap, never twice.
          expect(backend.log.some((_, index) => equal(backend.stateAt(index + 1), confirmed)) || confirmed.length === 0).toBe(true);
          expect(optimistic).toEqual([...confirmed, ...ids.map((id) => `${id}?`)]);
          for (const id of ids) expect(confirmed).not.toContain(id);
        };

        model.sync().catch(() => {});
        await allSettled();
        goLive();
        for (const { type, which } of commands) {
          const ids = [...pending.keys()].filter((id) => !answered.has(id));
          const chosen = ids[which % Math.max(ids.length, 1)];
          switch (type) {
            case "optimistic": {
              const id = `m${made++}`;
              if (model.data === null) break;
              const [confirmation, cancel] = await model.optimistic({ mutationId: id, name: "n" });
              pending.set(id, cancel);
              confirmation.then(() => pending.delete(id), () => pending.delete(id));
              break;
            }
            case "cancel":
              if (chosen !== undefined) pending.get(chosen)!();
              break;
            case "confirm":
            case "reject":
              if (chosen !== undefined) {
                answered.add(chosen);
                backend.publish(chosen, type === "reject");
              }
              break;
            case "stranger":
              backend.publish(`x${backend.log.length}`, which % 5 === 0);
              break;
            case "deliver":
              send(1 + (which % 3));
              break;
            case "duplicate":
              // Only of what the open feed has sent already.
              if (feed === source.feed && !source.feed.isClosed && sent > Number(source.feed.after)) {
                const first = Number(source.feed.after);
                source.send(backend.log[first + (which % (sent - first))]!);
              }
              break;
            case "pass":
              await clock.pass(which * 10);
              break;
            case "sync":
              model.sync().catch(() => {});
              break;
            case "lose":
              if (source.feeds.length > 0 && !source.feed.isClosed) source.feed.reader.discontinuity(which * 5_000);
              break;
            case "pause":
              if (model.state === "paused") model.resume().catch(() => {});
              else await model.pause();
              break;
            case "forget":
              if (source.feeds.length > 0 && !source.feed.isClosed && model.state === "syncing") source.feed.reader.outOfReach();
              break;
            case "live":
              goLive();
              break;
          }
          await allSettled();
          check();
        }

        // In the end, when everything has been sent, everything is there.
        if (model.state === "paused") model.resume().catch(() => {});
        await allSettled();
        for (let round = 0; round < 5; round++) {
          goLive();
          await clock.pass(20_000);
          goLive();
          await allSettled();
        }
        check();
        expect(model.state).toBe("ready");
        expect(model.data!.confirmed).toEqual(backend.stateAt(backend.log.length));
        expect(pending.size).toBe(0);
        await model.dispose();
      }),
      { numRuns: 300 },
    );
  }, 60_000);
});

function equal(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((value, index) => value === right[index]);
}
