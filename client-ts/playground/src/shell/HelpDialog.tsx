import { Dialog } from "./Dialog.tsx";
import { editingShortcuts, singleKeyShortcuts, useSingleKeys, type Shortcut } from "./shortcuts.ts";

/** The keys and the colours of the page. */
export function HelpDialog({ onClose }: { onClose: () => void }) {
  const [singleKeys, setSingleKeys] = useSingleKeys();
  return (
    <Dialog title="Keys and colours" onClose={onClose}>
      <h3>While writing</h3>
      <ShortcutList shortcuts={editingShortcuts} />
      <h3>Elsewhere</h3>
      <ShortcutList shortcuts={singleKeyShortcuts} />
      <label className="switch">
        <input type="checkbox" checked={singleKeys} onChange={(event) => setSingleKeys(event.target.checked)} />
        Single keys are on
      </label>
      <h3>How a result is kept live</h3>
      <dl className="legend">
        <dt className="chip chip-incremental">incremental</dt>
        <dd>inside the engine, from the change itself</dd>
        <dt className="chip chip-requery">requery</dt>
        <dd>PostgreSQL runs the query again when a table that it reads has changed</dd>
      </dl>
      <h3>What the rows show</h3>
      <dl className="legend">
        <dt className="sample entered">entered</dt>
        <dd>a row that is new in the result</dd>
        <dt className="sample changed">changed</dt>
        <dd>a cell with another value</dd>
        <dt className="sample left">left</dt>
        <dd>a row that is no longer in the result</dd>
      </dl>
      <p>
        <b>Commit → screen</b> is the time from the commit in PostgreSQL to the painted row, by the clocks of the two machines. Over a network it is as exact
        as these clocks agree.
      </p>
    </Dialog>
  );
}

function ShortcutList({ shortcuts }: { shortcuts: readonly Shortcut[] }) {
  return (
    <dl className="keys">
      {shortcuts.map(({ keys, does }) => (
        <div key={keys}>
          <dt>
            <kbd>{keys}</kbd>
          </dt>
          <dd>{does}</dd>
        </div>
      ))}
    </dl>
  );
}
