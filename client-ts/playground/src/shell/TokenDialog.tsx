import { useState } from "react";
import { Dialog } from "./Dialog.tsx";

/** Asks for the bearer token that the page sends with every request. */
export function TokenDialog({ token, onToken, onClose }: { token: string; onToken: (token: string) => void; onClose: () => void }) {
  const [text, setText] = useState(token);
  const use = (chosen: string) => {
    onToken(chosen.trim());
    onClose();
  };
  return (
    <Dialog title="Token" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          use(text);
        }}
      >
        <label htmlFor="token">Bearer token (a JWT that this engine accepts). It stays in this browser tab.</label>
        <textarea
          id="token"
          rows={5}
          spellCheck={false}
          autoComplete="off"
          value={text}
          onChange={(event) => setText(event.target.value)}
          placeholder="eyJ…"
        />
        <div className="actions">
          <button type="submit" className="primary">
            Use this token
          </button>
          <button type="button" onClick={() => use("")}>
            Use no token
          </button>
        </div>
      </form>
    </Dialog>
  );
}
