import type { Mutation } from "@syncengine/client/optimistic";

export interface ChatRow {
  readonly id: string;
  readonly author: string;
  readonly body: string;
  /** Its mutation, while it is pending. */
  readonly mutationId?: string;
}

export const chatQuery = "SELECT id, author, body FROM messages WHERE room_id = 1 ORDER BY id DESC LIMIT 15";

/** The newest first, as in the query. */
export function applyMessage(rows: readonly ChatRow[], { mutationId, name, data }: Mutation): readonly ChatRow[] {
  return name === "say" ? [{ id: mutationId, author: "You", body: String(data), mutationId }, ...rows] : rows;
}
