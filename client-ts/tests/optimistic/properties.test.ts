import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Mutations } from "../../src/optimistic/index.js";
import { ScriptedEngine, allSettled } from "../support/engine.js";
import { cut, live } from "../support/frames.js";
import { ScriptedWrites } from "../support/writes.js";

interface Row {
  readonly id: string;
  readonly body: string;
}

const step = fc.record({
  type: fc.constantFrom("mutate", "mutate", "commit", "commit", "reject", "stranger", "serve", "answer", "answer", "frames", "frames", "cancel", "pass", "giveUp"),
  which: fc.nat({ max: 20 }),
});

describe("any interleaving of changes, answers and rows", () => {
  it("shows each change exactly once from when it is made until it is rolled back, and all of the others", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 50 }), async (steps) => {
        const engine = new ScriptedEngine();
        const client = engine.client();
        const writes = new ScriptedWrites(engine);
        const mutations = new Mutations(client, { clock: engine.clock, timeoutMilliseconds: 2_000 });
        const query = mutations.query<Row>(client.liveQuery<Row>("SELECT 1"), (rows, { mutationId }) => [...rows, { id: "", body: `${mutationId}?` }]);
        /** Made, and neither committed nor rejected. */
        const open: string[] = [];
        const cancels = new Map<string, () => void>();
        const expected = new Set<string>();
        const committed: string[] = [];
        let made = 0;
        const check = (): void => {
          const counts = new Map<string, number>();
          for (const { body } of query.rows) counts.set(body.replace("?", ""), (counts.get(body.replace("?", "")) ?? 0) + 1);
          for (const [body, count] of counts) expect([body, count]).toEqual([body, 1]);
          for (const id of expected) expect([id, counts.get(id)]).toEqual([id, 1]);
          // Rows are a prefix of what was committed, and the pending follow in their order.
          const rows = query.rows.map(({ body }) => body);
          const shown = rows.filter((body) => !body.endsWith("?"));
          expect(shown).toEqual(committed.slice(0, shown.length));
          expect(rows.slice(shown.length)).toEqual(query.state.pending.map(({ mutationId }) => `${mutationId}?`));
        };
        // An error of a listener would be uncaught. Every render is checked, and failures are reported below.
        const wrong: unknown[] = [];
        const stop = query.subscribe(() => {
          try {
            check();
          } catch (error) {
            wrong.push(error);
          }
        });
        await writes.begin();

        for (const { type, which } of steps) {
          const chosen = open[which % Math.max(open.length, 1)];
          switch (type) {
            case "mutate": {
              const id = `m${made++}`;
              open.push(id);
              expected.add(id);
              const { confirmation, cancel } = mutations.mutate({ mutationId: id, name: "add" }, () => Promise.resolve());
              cancels.set(id, cancel);
              confirmation.catch(() => {});
              break;
            }
            case "commit":
              if (chosen === undefined) break;
              open.splice(open.indexOf(chosen), 1);
              committed.push(chosen);
              writes.commit(chosen);
              break;
            case "reject":
              if (chosen === undefined) break;
              open.splice(open.indexOf(chosen), 1);
              expected.delete(chosen);
              writes.reject(chosen, "no");
              break;
            case "stranger":
              committed.push(`x${which}-${made}-${committed.length}`);
              writes.commit(committed.at(-1)!);
              break;
            case "cancel":
              // Taking back what the backend has done shows nothing until its row comes.
              if (chosen !== undefined) {
                expected.delete(chosen);
                cancels.get(chosen)!();
              }
              break;
            case "serve":
              writes.serve();
              break;
            case "answer":
              await writes.deliverAnswer();
              break;
            case "frames":
              await writes.deliverFrames();
              break;
            case "giveUp":
              writes.giveUp();
              break;
            case "pass":
              for (const id of open) expected.delete(id);
              await engine.clock.pass(which * 50);
              break;
          }
          await allSettled();
          check();
          if (wrong.length > 0) throw wrong[0];
        }

        for (const id of open) expected.delete(id);
        for (let round = 0; round < 10; round++) {
          writes.giveUp();
          await writes.deliverAll();
          await engine.clock.pass(1_000);
        }
        await engine.hub.send(cut(writes.cut), live("s1", writes.cut));
        check();
        if (wrong.length > 0) throw wrong[0];
        const shownAtLast = query.rows.map(({ body }) => body);
        stop();
        expect(mutations.pending).toEqual([]);
        expect(shownAtLast).toEqual(committed);
        client.close();
      }),
      { numRuns: 200 },
    );
  }, 120_000);
});
