import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import type { Frame } from "../src/protocol.js";
import { Timeline, type Member, type Step } from "../src/timeline.js";
import { cut, diff, live, sample, snapshot } from "./support/frames.js";

/** Records what it is brought to. */
class Recorder implements Member {
  readonly steps: Step[] = [];
  at: string | null = null;

  apply(step: Step): void {
    this.steps.push(step);
    this.at = step.cut;
  }

  moveTo(position: string): void {
    this.at = position;
  }

  get added(): unknown[] {
    return this.steps.flatMap((step) => step.diffs.flatMap((complete) => complete.added));
  }
}

let timeline: Timeline;
let one: Recorder;
let two: Recorder;

beforeEach(() => {
  timeline = new Timeline();
  one = new Recorder();
  two = new Recorder();
  timeline.attach("s1", one);
  timeline.attach("s2", two);
});

const send = (...frames: Frame[]): void => frames.forEach((frame) => timeline.receive(frame));
const bothLive = (): void => send(cut("0/10"), snapshot("s1", []), live("s1", "0/10"), snapshot("s2", []), live("s2", "0/10"));

describe("a snapshot", () => {
  it("is applied when its live has come, with all its chunks", () => {
    send(cut("0/10"), sample("snapshot"), snapshot("s1", [["3", "third"]]));
    expect(one.steps).toEqual([]);
    send(sample("live"));
    expect(one.steps).toEqual([
      { cut: "0/16B3748", snapshot: [[["1", "hi"], ["2", "yo"]], [["3", "third"]]], diffs: [], isLive: true, plan: null },
    ]);
    expect(two.at).toBe(null);
  });

  it("may be empty", () => {
    send(cut("0/10"), { type: "snapshot", sub: "s1" }, live("s1", "0/10"));
    expect(one.steps[0]!.snapshot).toEqual([[]]);
  });

  it("that is ahead of the others waits for them", () => {
    send(cut("0/10"), snapshot("s1", []), live("s1", "0/10"), snapshot("s2", []), live("s2", "0/20"));
    expect(two.at).toBe(null);
    send(cut("0/18"));
    expect([one.at, two.at]).toEqual(["0/18", null]);
    send(diff("s1", "0/20", { added: [["1", "a"]] }), cut("0/20"));
    expect([one.at, two.at]).toEqual(["0/20", "0/20"]);
  });

  it("that is behind the first one shown waits until the stream is there", () => {
    send(cut("0/10"), snapshot("s1", []), live("s1", "0/30"), snapshot("s2", []), live("s2", "0/20"), cut("0/20"));
    expect([one.at, two.at]).toEqual(["0/30", null]);
    send(cut("0/30"));
    expect([one.at, two.at]).toEqual(["0/30", "0/30"]);
  });

  it("that comes in place of live rows needs no reset", () => {
    bothLive();
    send(diff("s1", "0/20", { added: [["1", "void"]] }), snapshot("s1", [["2", "b"]]), cut("0/20"), live("s1", "0/20"));
    expect(one.steps.at(-1)!.snapshot).toEqual([[["2", "b"]]]);
    expect(one.added).toEqual([]);
    expect([one.at, two.at]).toEqual(["0/20", "0/20"]);
  });
});

describe("diffs", () => {
  beforeEach(bothLive);

  it("of one cut are applied together, and not before the cut", () => {
    send(diff("s1", "0/20", { added: [["1", "a"]] }), diff("s2", "0/20", { added: [["2", "b"]] }));
    expect([one.added, two.added]).toEqual([[], []]);
    send(cut("0/20"));
    expect([one.added, two.added]).toEqual([[["1", "a"]], [["2", "b"]]]);
  });

  it("move the results that they do not touch to their cut, too", () => {
    send(diff("s1", "0/20", { added: [["1", "a"]] }), cut("0/20"));
    expect(two.at).toBe("0/20");
    expect(two.steps).toHaveLength(1);
  });

  it("in parts are applied when the last part has come", () => {
    send(diff("s1", "0/20", { added: [["1", "a"]], more: true }), cut("0/20"));
    expect(one.added).toEqual([]);
    send(diff("s1", "0/28", { added: [["2", "b"]], removed: [["9"]], xid: "7", commitTime: "t" }), cut("0/28"));
    expect(one.steps.at(-1)!.diffs).toEqual([
      { cut: "0/28", commitTime: "t", xid: "7", added: [["1", "a"], ["2", "b"]], updated: [], removed: [["9"]], addedAt: [], updatedAt: [] },
    ]);
  });

  it("beyond a cut wait for theirs", () => {
    send(diff("s1", "0/20", { added: [["1", "a"]] }), diff("s1", "0/30", { added: [["2", "b"]] }), cut("0/20"));
    expect(one.added).toEqual([["1", "a"]]);
    expect(one.at).toBe("0/20");
    send(cut("0/30"));
    expect(one.added).toEqual([["1", "a"], ["2", "b"]]);
  });

  it("are ordered as positions and not as texts", () => {
    send(diff("s1", "0/FFFFFFF8", { added: [["1", "a"]] }), cut("1/0"));
    expect(one.at).toBe("1/0");
    expect(one.added).toEqual([["1", "a"]]);
  });

  it("of a subscription that was taken off are void", () => {
    timeline.detach("s1");
    send(diff("s1", "0/20", { added: [["1", "a"]] }), cut("0/20"));
    expect(one.added).toEqual([]);
  });
});

describe("a replay", () => {
  it("is applied as one step when its live has come", () => {
    send(cut("0/40"), diff("s1", "0/20", { added: [["1", "a"]] }), diff("s1", "0/30", { removed: [["1"]] }), cut("0/40"));
    expect(one.steps).toEqual([]);
    send(live("s1", "0/40"));
    expect(one.steps.map((step) => [step.cut, step.snapshot, step.diffs.length, step.isLive])).toEqual([["0/40", null, 2, true]]);
  });
});

describe("stale", () => {
  beforeEach(bothLive);

  it("keeps the result where it is until its next live, while the others continue", () => {
    send({ type: "stale", sub: "s1", code: "query_failed" }, diff("s2", "0/20", { added: [["2", "b"]] }), cut("0/20"));
    expect([one.at, two.at]).toEqual(["0/10", "0/20"]);
    send(diff("s1", "0/28", { added: [["1", "a"]] }), cut("0/28"));
    expect([one.at, two.at]).toEqual(["0/10", "0/28"]);
    send(live("s1", "0/28"));
    expect([one.at, two.at]).toEqual(["0/28", "0/28"]);
    expect(one.added).toEqual([["1", "a"]]);
  });

  it("leaves diffs before it to their cut", () => {
    send(diff("s1", "0/20", { added: [["1", "a"]] }), { type: "stale", sub: "s1", code: "query_failed" }, cut("0/20"));
    expect(one.added).toEqual([["1", "a"]]);
  });

  it("drops a live that has not been shown yet", () => {
    send({ type: "reset", sub: "s1", code: "must_refetch" }, snapshot("s1", []), live("s1", "0/20"), { type: "stale", sub: "s1", code: "query_failed" }, cut("0/20"));
    expect(one.steps.at(-1)).toMatchObject({ cut: "0/20", isLive: false });
    send(cut("0/30"));
    expect([one.at, two.at]).toEqual(["0/20", "0/30"]);
  });
});

describe("a reset", () => {
  it("voids what has not been applied, and the result waits for its snapshot", () => {
    bothLive();
    send(diff("s1", "0/20", { added: [["1", "void"]] }), sample("reset"), cut("0/20"));
    expect([one.at, two.at]).toEqual(["0/10", "0/20"]);
    send(snapshot("s1", [["2", "b"]]), live("s1", "0/20"));
    expect(one.added).toEqual([]);
    expect(one.steps.at(-1)!.snapshot).toEqual([[["2", "b"]]]);
    expect(one.at).toBe("0/20");
  });
});

describe("any stream", () => {
  it("shows all live results at one cut, after every frame", () => {
    const event = fc.oneof(
      fc.record({ sub: fc.constantFrom("s1", "s2"), kind: fc.constantFrom("diff", "stale", "reset", "live" as const) }),
      fc.constant({ sub: "", kind: "cut" as const }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const line = new Timeline();
        const members = { s1: new Recorder(), s2: new Recorder() };
        line.attach("s1", members.s1);
        line.attach("s2", members.s2);
        let position = 16;
        let sent = 16;
        const isLive = { s1: false, s2: false };
        const text = (at: number): string => `0/${at.toString(16).toUpperCase()}`;
        line.receive(cut(text(sent)));
        for (const { sub, kind } of events) {
          position += 8;
          const name = sub as "s1" | "s2";
          if (kind === "cut") {
            sent = position;
            line.receive(cut(text(sent)));
          } else if (kind === "live") {
            if (isLive[name]) continue;
            isLive[name] = true;
            line.receive(snapshot(name, []));
            line.receive(live(name, text(position)));
          } else if (kind === "diff") {
            if (isLive[name]) line.receive(diff(name, text(position), { added: [[String(position), null]] }));
          } else {
            isLive[name] = false;
            line.receive({ type: kind as "stale" | "reset", sub: name, code: "must_refetch" });
          }
          const shown = (["s1", "s2"] as const).filter((member) => isLive[member] && members[member].steps.length > 0 && isShown(line, member));
          if (shown.length === 2) expect(members.s1.at).toBe(members.s2.at);
        }
        // The next cut brings every live result to it, so nothing waits for ever.
        line.receive(cut(text(position + 8)));
        for (const name of ["s1", "s2"] as const) if (isLive[name]) expect(members[name].at).toBe(text(position + 8));
      }),
    );
  });

  function isShown(line: Timeline, sub: string): boolean {
    return (line as unknown as { entries: Map<string, { isShown: boolean }> }).entries.get(sub)!.isShown;
  }
});
