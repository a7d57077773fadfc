import { useState, type FormEvent } from "react";
import type { ChannelMessage } from "@syncengine/client";
import { CopyableText } from "./CopyableText.tsx";
import { insertInto } from "./messages.ts";
import { useChannel } from "./useChannel.ts";

/** In characters. */
const longestUnfolded = 240;

interface ChannelListenerProps {
  /** Empty for none. */
  readonly channel: string;
  readonly onChannel: (channel: string) => void;
}

/** Asks for the name of a channel, and shows its messages as they arrive. */
export function ChannelListener({ channel, onChannel }: ChannelListenerProps) {
  const [name, setName] = useState(channel || "room:1");
  const listen = (event: FormEvent) => {
    event.preventDefault();
    onChannel(name.trim());
  };

  return (
    <section className="listener" aria-label="Listen to a channel">
      <h2>Listen to a channel of the hub</h2>
      <form onSubmit={listen}>
        <input type="text" aria-label="Channel" placeholder="room:1" value={name} onChange={(event) => setName(event.target.value)} />
        <button type="submit" className="primary" disabled={name.trim() === ""}>
          Listen
        </button>
        {channel !== "" && (
          <button type="button" onClick={() => onChannel("")}>
            Stop
          </button>
        )}
      </form>
      {channel === "" ? null : <Messages key={channel} channel={channel} />}
    </section>
  );
}

function Messages({ channel }: { channel: string }) {
  const { messages, status, hasGap, error } = useChannel(channel);
  return (
    <>
      <p className="status" role="status" aria-label="Channel">
        <span className={`dot dot-${status === "ended" ? "error" : status}`} aria-hidden="true" />
        <b data-testid="channel-status">{status}</b> {channel}
      </p>
      {error !== null && <p className="notice error" role="alert">{error}</p>}
      {hasGap && <p className="hint">Some messages that were sent while the connection was lost are no longer held.</p>}
      {messages.length === 0 && (
        <>
          <p className="hint">No messages yet. In psql, in the database of the outbox (for the embedded one, see the line “Database:” of the engine's output):</p>
          <CopyableText text={insertInto(channel)} />
        </>
      )}
      <ol className="messages" aria-label="Messages of the channel">
        {messages.map((message) => (
          <li key={message.id}>
            <Message message={message} />
          </li>
        ))}
      </ol>
    </>
  );
}

function Message({ message: { id, name, data, timestamp, extras } }: { message: ChannelMessage }) {
  return (
    <>
      <code className="message-id">{id}</code>
      <b>{name}</b>
      <MessageData text={typeof data === "string" ? data : (JSON.stringify(data) ?? "")} headers={JSON.stringify(extras?.headers ?? {})} />
      {timestamp !== undefined && <time dateTime={new Date(timestamp).toISOString()}>{new Date(timestamp).toLocaleTimeString()}</time>}
    </>
  );
}

/** Long data is folded. */
function MessageData({ text, headers }: { text: string; headers: string }) {
  if (text.length <= longestUnfolded) return <code className="message-data" title={headers}>{text}</code>;
  return (
    <details className="message-data" title={headers}>
      <summary>
        <code>{text.slice(0, longestUnfolded)}…</code> {text.length.toLocaleString()} characters
      </summary>
      <code>{text}</code>
    </details>
  );
}
