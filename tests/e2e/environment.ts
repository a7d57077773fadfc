/** The running engine, and the database that it serves. A missing one is a failure, because a skipped suite would count as green. */
export const engineUrl = (): string => required("SYNC_URL").replace(/\/$/, "");
export const databaseUrl = (): string => required("DATABASE_URL");

/** Run by vitest before the tests. */
export default function setup(): void {
  engineUrl();
  databaseUrl();
}

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: it says which running engine (SYNC_URL) and which database of it (DATABASE_URL) the browser tests use`);
  return value;
}
