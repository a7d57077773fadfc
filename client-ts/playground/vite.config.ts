import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const client = (file: string) => fileURLToPath(new URL(`../src/${file}`, import.meta.url));

export default defineConfig({
  // Relative, so that the page also works behind a proxy that puts the engine under a path.
  base: "./",
  plugins: [react()],
  resolve: {
    alias: [
      { find: /^@syncengine\/client$/, replacement: client("index.ts") },
      { find: /^@syncengine\/client\/react$/, replacement: client("react.ts") },
      { find: /^@syncengine\/client\/optimistic$/, replacement: client("optimistic/index.ts") },
      { find: /^@syncengine\/client\/optimistic\/react$/, replacement: client("optimistic/react.ts") },
    ],
    // The client's source lies outside this folder; it must meet the same React and SignalR as the page.
    dedupe: ["react", "react-dom", "@microsoft/signalr"],
  },
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    // The client's source and the project's docs lie beside this folder.
    fs: { allow: [fileURLToPath(new URL("../..", import.meta.url))] },
    proxy: Object.fromEntries(
      ["/subscribe", "/explain", "/schema", "/sync", "/health", "/metrics", "/demo"].map((path) => [
        path,
        { target: process.env.SYNC_URL ?? "http://localhost:5080", ws: true },
      ]),
    ),
  },
  test: {
    include: ["tests/**/*.test.ts"],
    environment: "node",
  },
});
