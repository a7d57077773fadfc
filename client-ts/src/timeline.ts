import { compareCuts } from "./cut.js";
import type { Cut, DiffFrame, Frame, Plan, WireRow } from "./protocol.js";
import type { RowDiff } from "./rowStore.js";

/** One diff with its parts joined. */
export interface CompleteDiff extends RowDiff {
  readonly cut: Cut;
  readonly commitTime: string | null;
  readonly xid: string | null;
}

/** A step that brings a result to a cut, applied as a whole: a snapshot or none, then diffs. */
export interface Step {
  readonly cut: Cut;
  readonly snapshot: readonly (readonly WireRow[])[] | null;
  readonly diffs: readonly CompleteDiff[];
  /** The result is live with this step. */
  readonly isLive: boolean;
  readonly plan: Plan | null;
}

/** A result on the timeline. */
export interface Member {
  apply(step: Step): void;
  /** The rows are also those of this cut: nothing in them has changed. */
  moveTo(cut: Cut): void;
}

interface Entry {
  readonly member: Member;
  /** Complete steps that wait for the cut that covers them, in the order of their cuts. */
  ready: Step[];
  /** Chunks of a snapshot whose `live` has not come yet; `replayed` are the diffs of a replay. */
  snapshot: (readonly WireRow[])[] | null;
  replayed: CompleteDiff[];
  /** Parts of a diff whose last part has not come yet. */
  parts: DiffFrame[];
  /** True between `live` and the next stale, reset or error: the cuts of the stream cover it. */
  isCovered: boolean;
  /** Its `live` has been applied, so it is shown at the same cut as the others. */
  isShown: boolean;
}

/**
 * Brings all live results of one open stream from cut to cut together.
 * Frames wait here until a `cut` frame covers them. A result that has just become live joins the others at the first cut that both have reached.
 * When there are no others, it is shown at once.
 */
export class Timeline {
  private readonly entries = new Map<string, Entry>();
  /** The cut of the shown results; without meaning while none is shown. */
  private shown: Cut | null = null;

  attach(sub: string, member: Member): void {
    this.entries.set(sub, { member, ready: [], snapshot: null, replayed: [], parts: [], isCovered: false, isShown: false });
  }

  /** Removes a result. Its frames that have not been applied are dropped. */
  detach(sub: string): void {
    this.entries.delete(sub);
  }

  /** Takes a frame, and applies the steps that it completes. Frames of unknown subscriptions come late and are dropped. */
  receive(frame: Frame): void {
    if (frame.type === "cut") {
      this.advance(frame.cut);
      return;
    }
    const entry = this.entries.get(frame.sub);
    if (entry === undefined) return;
    switch (frame.type) {
      case "snapshot":
        if (entry.isCovered) restart(entry);
        (entry.snapshot ??= []).push(frame.rows ?? []);
        break;
      case "diff":
        takeDiff(entry, frame);
        break;
      case "live":
        this.goLive(entry, frame.cut, frame.plan ?? null);
        break;
      case "reset":
        restart(entry);
        break;
      case "stale":
        // Later diffs belong to the next `live`. Earlier ones still belong to complete cuts.
        entry.ready = entry.ready.map((step) => ({ ...step, isLive: false }));
        entry.isCovered = false;
        entry.isShown = false;
        break;
      case "error":
        this.entries.delete(frame.sub);
        break;
    }
  }

  private goLive(entry: Entry, cut: Cut, plan: Plan | null): void {
    entry.ready.push({ cut, snapshot: entry.snapshot, diffs: entry.replayed, isLive: true, plan });
    entry.snapshot = null;
    entry.replayed = [];
    entry.isCovered = true;
    const isAlone = ![...this.entries.values()].some((other) => other.isShown && other !== entry);
    if (isAlone || (this.shown !== null && compareCuts(cut, this.shown) === 0)) {
      release(entry, cut);
      this.shown = cut;
    }
  }

  private advance(cut: Cut): void {
    const entries = [...this.entries.values()];
    // A first result may be ahead of the stream's cut. The others wait until the stream has reached it.
    if (this.shown !== null && entries.some((entry) => entry.isShown) && compareCuts(cut, this.shown) < 0) return;
    for (const entry of entries) release(entry, cut);
    this.shown = cut;
  }
}

function takeDiff(entry: Entry, frame: DiffFrame): void {
  entry.parts.push(frame);
  if (frame.more === true) return;
  const diff = join(entry.parts);
  entry.parts = [];
  if (entry.isCovered) entry.ready.push({ cut: diff.cut, snapshot: null, diffs: [diff], isLive: false, plan: null });
  else entry.replayed.push(diff);
}

function join(parts: readonly DiffFrame[]): CompleteDiff {
  const last = parts[parts.length - 1]!;
  return {
    cut: last.cut,
    commitTime: last.commitTime ?? null,
    xid: last.xid ?? null,
    added: parts.flatMap((part) => part.added ?? []),
    updated: parts.flatMap((part) => part.updated ?? []),
    removed: parts.flatMap((part) => part.removed ?? []),
    addedAt: parts.flatMap((part) => part.addedAt ?? []),
    updatedAt: parts.flatMap((part) => part.updatedAt ?? []),
  };
}

function restart(entry: Entry): void {
  entry.ready = [];
  entry.snapshot = null;
  entry.replayed = [];
  entry.parts = [];
  entry.isCovered = false;
  entry.isShown = false;
}

function release(entry: Entry, cut: Cut): void {
  let count = 0;
  while (count < entry.ready.length && compareCuts(entry.ready[count]!.cut, cut) <= 0) {
    const step = entry.ready[count++]!;
    entry.member.apply(step);
    if (step.isLive) entry.isShown = true;
  }
  entry.ready.splice(0, count);
  if (entry.isShown) entry.member.moveTo(cut);
}
