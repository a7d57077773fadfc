import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App.tsx";
import { request } from "./engine.ts";
import { chooseExamples } from "./queries/examples.ts";
import "./style.css";

await chooseExamples(request);
createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
