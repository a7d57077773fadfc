import { execFileSync } from "node:child_process";

/** The running engine that the integration tests use, and the database that it serves. */
export const url = process.env["SYNC_URL"];
export const database = process.env["DATABASE_URL"];

/** The missing settings; empty when the tests can run. */
export const missing = [url ? "" : "SYNC_URL", database ? "" : "DATABASE_URL"].filter((name) => name !== "").join(" and ");

/** Runs SQL, each call in a transaction of its own unless it begins one, and returns what psql prints. */
export function psql(sql: string): string {
  return execFileSync("psql", ["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database!, "-c", sql], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
