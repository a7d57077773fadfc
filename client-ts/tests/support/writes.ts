import type { WriteOutcome } from "../../src/client.js";
import { allSettled, type ScriptedEngine } from "./engine.js";
import { cut, diff, live, snapshot } from "./frames.js";

interface Question {
  readonly id: string;
  readonly milliseconds: number;
  readonly answer: (outcome: WriteOutcome) => void;
  readonly fail: (cause: unknown) => void;
}

/** The engine's part in writes: transactions that are acknowledged, what its hub answers to Await, and when each of them comes. */
export class ScriptedWrites {
  /** Calls that the engine has not served yet. */
  private asked: Question[] = [];
  /** Served, and waiting for the transaction. */
  private waiting: Question[] = [];
  /** On its way to the client. */
  private readonly answers: (() => void)[] = [];
  private readonly known = new Map<string, WriteOutcome>();
  private position = 0x10;
  private rows = 0;
  /** Whose diffs are sent. */
  private sub = "s1";
  /** Diffs on their way to the client. */
  private readonly frames: (() => Promise<void>)[] = [];

  constructor(private readonly engine: ScriptedEngine) {
    engine.await = (id, milliseconds) => new Promise((answer, fail) => this.asked.push({ id, milliseconds, answer, fail }));
  }

  get cut(): string {
    return `0/${this.position.toString(16).toUpperCase()}`;
  }

  /** Has a live result become live without rows. */
  async begin(sub = "s1"): Promise<void> {
    this.sub = sub;
    await allSettled();
    await this.engine.hub.send(cut(this.cut), snapshot(sub, []), live(sub, this.cut));
  }

  /** The engine passes a transaction that inserts a row and acknowledges an id; its frames are on their way. */
  commit(id: string, body: string | null = id): string {
    this.position += 8;
    const at = this.cut;
    this.learn(id, { status: "confirmed", cut: at });
    const added = body === null ? [] : [[String(++this.rows), body]];
    this.frames.push(() => this.engine.hub.send(...(body === null ? [] : [diff(this.sub, at, { added })]), cut(at)));
    return at;
  }

  reject(id: string, reason: string): void {
    this.learn(id, { status: "rejected", reason });
  }

  /** The engine serves the waiting calls. */
  serve(): void {
    for (const question of this.asked.splice(0)) {
      const outcome = this.known.get(question.id);
      if (outcome !== undefined) this.answers.push(() => question.answer(outcome));
      else if (question.milliseconds === 0) this.answers.push(() => question.answer({ status: "timeout" }));
      else this.waiting.push(question);
    }
  }

  /** The oldest answer reaches the client. */
  async deliverAnswer(): Promise<boolean> {
    const next = this.answers.shift();
    next?.();
    await allSettled();
    return next !== undefined;
  }

  /** The oldest diff reaches the client. */
  async deliverFrames(): Promise<boolean> {
    const next = this.frames.shift();
    await next?.();
    return next !== undefined;
  }

  /** Waits are over: what is not known is answered so. */
  giveUp(): void {
    for (const question of this.waiting.splice(0)) this.answers.push(() => question.answer({ status: "timeout" }));
  }

  /** Everything that is on its way arrives, answers and frames by turns. */
  async deliverAll(): Promise<void> {
    for (let idle = 0; idle < 3; ) {
      this.serve();
      const moved = (await this.deliverAnswer()) || (await this.deliverFrames());
      idle = moved ? 0 : idle + 1;
      await allSettled();
    }
  }

  /** The connection is gone, and with it every question. */
  async lose(): Promise<void> {
    const questions = [...this.asked.splice(0), ...this.waiting.splice(0)];
    this.answers.length = 0;
    for (const { fail } of questions) fail(new Error("Invocation canceled due to the underlying connection being closed."));
    await this.engine.hub.end();
  }

  private learn(id: string, outcome: WriteOutcome): void {
    if (!this.known.has(id)) this.known.set(id, outcome);
    this.answers.push(...this.waiting.filter((question) => question.id === id).map((question) => () => question.answer(outcome)));
    this.waiting = this.waiting.filter((question) => question.id !== id);
  }
}
