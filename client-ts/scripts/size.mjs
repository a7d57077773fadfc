// Prints what the client adds to a page, gzipped, without SignalR and React; fails when it is more than promised.
import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const limitBytes = 20_000;

const result = await build({
  configFile: false,
  logLevel: "error",
  build: {
    write: false,
    target: "es2022",
    minify: true,
    lib: { entry: { client: file("../src/index.ts"), react: file("../src/react.ts") }, formats: ["es"] },
    rollupOptions: { external: ["@microsoft/signalr", "react"] },
  },
});
const chunks = (Array.isArray(result) ? result : [result]).flatMap(({ output }) => output).filter((part) => part.type === "chunk");
const bytes = gzipSync(chunks.map(({ code }) => code).join("\n")).length;
console.log(`@syncengine/client and its React hook: ${bytes} bytes gzipped, of ${limitBytes} allowed`);
if (bytes >= limitBytes) process.exit(1);

function file(path) {
  return fileURLToPath(new URL(path, import.meta.url));
}
