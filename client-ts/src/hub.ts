import { HubConnectionBuilder, HubConnectionState, LogLevel } from "@microsoft/signalr";
import type { Frame } from "./protocol.js";
import { hubError, type SyncError } from "./syncError.js";

/** Reader of the open stream of a hub. */
export interface StreamReader {
  frame(frame: Frame): void;
  /** The engine has no stream at present, while calls and other streams work. `open` may be called again. */
  unavailable(cause: SyncError): void;
  /** The stream has ended, by the engine or with the connection. Called once. */
  ended(cause: unknown): void;
}

/** Reader of a further stream of a hub. */
export interface ItemReader<Item> {
  item(item: Item): void;
  /** The stream has ended; null when it was completed. Not called after the reader ended it. */
  ended(cause: unknown): void;
}

/** One connection to the engine's hub. It is opened once, then closed or lost. */
export interface Hub {
  /** Connects and opens the stream of this connection. Failures go to the reader. */
  open(reader: StreamReader): void;
  invoke(method: "Attach" | "Detach" | "Authenticate" | "Await", ...values: unknown[]): Promise<unknown>;
  /** Opens a further stream on the open connection; the result ends it. */
  stream<Item>(method: "Channel", values: readonly unknown[], reader: ItemReader<Item>): () => void;
  close(): void;
}

/** Makes a hub connection without opening it. */
export type HubFactory = (url: string, token: () => Promise<string>) => Hub;

/** The engine's SignalR hub. SignalR does not reconnect by itself, because this client resumes each result at its cut. */
export const signalRHub: HubFactory = (url, token) => {
  const connection = new HubConnectionBuilder().withUrl(`${url}/sync`, { accessTokenFactory: token }).configureLogging(LogLevel.None).build();
  let isOver = false;
  return {
    open(reader) {
      const end = (cause: unknown): void => {
        if (isOver) return;
        isOver = true;
        reader.ended(cause);
      };
      const openStream = (): unknown => {
        let hasBegun = false;
        return connection.stream<Frame>("Open").subscribe({
          next: (frame) => {
            hasBegun = true;
            if (!isOver) reader.frame(frame);
          },
          complete: () => end(new Error("the stream was completed")),
          error: (cause) => {
            const error = hubError(cause);
            if (hasBegun || error.code !== "source_unavailable") end(cause);
            else if (!isOver) reader.unavailable(error);
          },
        });
      };
      if (connection.state === HubConnectionState.Connected) {
        openStream();
        return;
      }
      connection.onclose((cause) => end(cause ?? new Error("the connection was closed")));
      connection.start().then(openStream, end);
    },
    invoke: (method, ...values) => connection.invoke(method, ...values),
    stream(method, values, reader) {
      let isOver = false;
      const end = (cause: unknown): void => {
        if (isOver) return;
        isOver = true;
        reader.ended(cause);
      };
      const subscription = connection.stream(method, ...values).subscribe({
        next: (item) => {
          if (!isOver) reader.item(item);
        },
        complete: () => end(null),
        error: end,
      });
      return () => {
        if (isOver) return;
        isOver = true;
        subscription.dispose();
      };
    },
    close: () => {
      connection.stop().catch(() => {
        // It is closed already.
      });
    },
  };
};
