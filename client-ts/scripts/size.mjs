// Prints the gzipped bytes that each entry point adds to a page, without SignalR and React. Fails when one exceeds its limit.
import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const entryPoints = [
  { name: "the client and its React hook", limitBytes: 20_000, entry: ["index", "react"] },
  { name: "models", limitBytes: 6_000, entry: ["models/index", "models/react"] },
  { name: "optimistic", limitBytes: 6_000, entry: ["optimistic/index", "optimistic/react"] },
];

// Built together, so that code shared with the client counts for the client only.
const result = await build({
  configFile: false,
  logLevel: "error",
  build: {
    write: false,
    target: "es2022",
    minify: true,
    lib: { entry: Object.fromEntries(entryPoints.flatMap(({ entry }) => entry).map((name) => [name, file(`../src/${name}.ts`)])), formats: ["es"] },
    // Minified as in an application; a library build would keep white space.
    rollupOptions: { external: ["@microsoft/signalr", "react"], output: { minify: true } },
  },
});
const chunks = (Array.isArray(result) ? result : [result]).flatMap(({ output }) => output).filter((part) => part.type === "chunk");
const counted = new Set();
for (const { name, limitBytes, entry } of entryPoints) {
  const added = chunks.filter((chunk) => !counted.has(chunk) && isNeeded(chunk, entry));
  for (const chunk of added) counted.add(chunk);
  const bytes = gzipSync(added.map(({ code }) => code).join("\n")).length;
  console.log(`${name}: ${bytes} bytes gzipped, of ${limitBytes} allowed`);
  if (bytes >= limitBytes) process.exitCode = 1;
}

function isNeeded(chunk, entry) {
  if (chunk.isEntry && entry.includes(chunk.name)) return true;
  return chunks.some((other) => other.imports.includes(chunk.fileName) && isNeeded(other, entry));
}

function file(path) {
  return fileURLToPath(new URL(path, import.meta.url));
}
