import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { databaseUrl } from "./environment.ts";

const run = promisify(execFile);

/** Runs SQL with psql, as a customer would, and gives what it prints: rows without headings, columns parted by `|`. */
export async function sql(text: string): Promise<string> {
  const { stdout } = await run("psql", [databaseUrl(), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--command", text]);
  return stdout.trim();
}

/** A room that no other test, earlier run or demo writer has, with nothing in it. */
export async function emptyRoom(): Promise<string> {
  return sql("INSERT INTO rooms (id, name) SELECT greatest(max(id), 1000000) + 1, 'e2e' FROM rooms RETURNING id");
}

/** Takes a room away with its messages. */
export async function dropRoom(room: string): Promise<void> {
  await sql(`DELETE FROM messages WHERE room_id = ${room}; DELETE FROM rooms WHERE id = ${room}`);
}
