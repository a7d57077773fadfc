import { refusal, request } from "../engine.ts";

/** The behaviour of the demo's backend. */
export interface DemoBehaviour {
  /** The delay before the write, in milliseconds. */
  readonly latency: number;
  readonly rejects: boolean;
}

/** Writes a message as an application would: the backend confirms the mutation id in its transaction, or rejects it. */
export async function writeMessage(mutationId: string, body: string, { latency, rejects }: DemoBehaviour, signal: AbortSignal): Promise<void> {
  await delay(latency, signal);
  const answer = await request("/demo/messages", { body: { mutationId, body, reject: rejects }, signal });
  if (answer.status >= 300) throw new Error(refusal(answer));
}

function delay(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });
}
