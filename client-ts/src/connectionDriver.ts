import { backoffMilliseconds, type Backoff } from "./backoff.js";
import type { Clock } from "./clock.js";
import { advanceConnection, type ConnectionEffect, type ConnectionEvent, type ConnectionState } from "./connection.js";
import type { Hub, HubFactory, ItemReader } from "./hub.js";
import type { Frame } from "./protocol.js";
import { hubError, SyncError } from "./syncError.js";
import { tokenExpiry } from "./token.js";

/** User of the connection. */
export interface ConnectionUser {
  opened(): void;
  /** Connected without a stream: calls and channels work. */
  connected(): void;
  /** The error of the connection; none when the client ended it. */
  lost(error?: SyncError): void;
  refused(error: SyncError): void;
  frame(frame: Frame): void;
}

const longestTimerMilliseconds = 2 ** 31 - 1;

/** Runs the effects of the connection's state machine: one hub at a time, one timer, and the renewal of the token before it expires. */
export class ConnectionDriver {
  private state: ConnectionState = { name: "idle" };
  private readonly events: ConnectionEvent[] = [];
  private isAdvancing = false;
  private hub: Hub | null = null;
  private stopTimer = (): void => {};
  private stopRefresh = (): void => {};
  /** The token that was last given to the hub. */
  private sentToken = "";
  private readonly online = (): void => this.dispatch({ type: "online" });

  constructor(
    private readonly url: string,
    private readonly token: () => Promise<string>,
    private readonly backoff: Backoff,
    private readonly clock: Clock,
    private readonly makeHub: HubFactory,
    private readonly user: ConnectionUser,
  ) {
    globalThis.addEventListener?.("online", this.online);
  }

  get isOpen(): boolean {
    return this.state.name === "open";
  }

  /** Calls and channels work. */
  get isConnected(): boolean {
    return this.isOpen || this.state.name === "streamless";
  }

  get isClosed(): boolean {
    return this.state.name === "closed";
  }

  want(): void {
    this.dispatch({ type: "wanted" });
  }

  unwant(): void {
    this.dispatch({ type: "unwanted" });
  }

  tokenChanged(): void {
    this.dispatch({ type: "tokenChanged" });
  }

  /** Calls the hub. Errors are SyncErrors, `network_error` when there is no open connection. */
  async invoke(...call: Parameters<Hub["invoke"]>): Promise<unknown> {
    if (this.hub === null || !this.isConnected) throw SyncError.network("there is no open connection");
    try {
      return await this.hub.invoke(...call);
    } catch (cause) {
      throw hubError(cause);
    }
  }

  /** Opens a further stream on the open connection, and ends with it. The reader gets errors as SyncErrors. */
  stream<Item>(method: "Channel", values: readonly unknown[], reader: ItemReader<Item>): () => void {
    if (this.hub === null || !this.isConnected) throw SyncError.network("there is no open connection");
    return this.hub.stream<Item>(method, values, {
      item: (item) => reader.item(item),
      ended: (cause) => reader.ended(cause === null ? null : hubError(cause)),
    });
  }

  close(): void {
    globalThis.removeEventListener?.("online", this.online);
    this.dispatch({ type: "close" });
  }

  // An effect may cause the next event at once. That one waits until the effects of this event have run.
  private dispatch(event: ConnectionEvent): void {
    this.events.push(event);
    if (this.isAdvancing) return;
    this.isAdvancing = true;
    try {
      for (let next = this.events.shift(); next !== undefined; next = this.events.shift()) {
        const { state, effects } = advanceConnection(this.state, next);
        this.state = state;
        for (const effect of effects) this.run(effect);
      }
    } finally {
      this.isAdvancing = false;
    }
  }

  private run(effect: ConnectionEffect): void {
    switch (effect.type) {
      case "connect":
        this.connect();
        break;
      case "disconnect":
        this.stopRefresh();
        this.hub?.close();
        this.hub = null;
        break;
      case "authenticate":
        void this.authenticate();
        break;
      case "startTimer":
        this.stopTimer = this.clock.after(backoffMilliseconds(this.backoff, effect.attempt, this.clock.random()), () => this.dispatch({ type: "retry" }));
        break;
      case "stopTimer":
        this.stopTimer();
        break;
      case "openStream":
        this.openStream();
        break;
      case "notifyConnected":
        this.user.connected();
        break;
      case "notifyOpened":
        this.user.opened();
        break;
      case "notifyLost":
        this.user.lost(effect.error);
        break;
      case "notifyRefused":
        this.user.refused(effect.error);
        break;
    }
  }

  private connect(): void {
    const hub = this.makeHub(this.url, async () => {
      const token = await this.token();
      if (this.hub === hub) this.expect(token);
      return token;
    });
    this.hub = hub;
    this.openStream();
  }

  private openStream(): void {
    const hub = this.hub!;
    hub.open({
      frame: (frame) => {
        if (this.hub !== hub) return;
        if (!this.isOpen) this.dispatch({ type: "opened" });
        this.user.frame(frame);
      },
      unavailable: () => {
        if (this.hub === hub) this.dispatch({ type: "unavailable" });
      },
      ended: (cause) => {
        if (this.hub !== hub) return;
        const error = hubError(cause);
        const isRefusal = error.class === "signIn" || error.code === "permission_denied";
        this.dispatch({ type: isRefusal ? "refused" : "lost", error });
      },
    });
  }

  /** Gives the hub a newer token. Without one, and when it is refused, a new connection is made with the present token. */
  private async authenticate(): Promise<void> {
    const hub = this.hub;
    try {
      const token = await this.token();
      if (hub === null || this.hub !== hub || token === this.sentToken) return;
      if (token === "") throw new SyncError({ code: "unauthenticated", message: "the token source no longer has a token" });
      await hub.invoke("Authenticate", token);
      if (this.hub === hub) this.expect(token);
    } catch (cause) {
      if (this.hub === hub) this.dispatch({ type: "lost", error: hubError(cause) });
    }
  }

  /** Schedules the next token shortly before this one expires. */
  private expect(token: string): void {
    this.sentToken = token;
    this.stopRefresh();
    const expiry = tokenExpiry(token);
    if (expiry === null) return;
    const remaining = Math.max(0, expiry - this.clock.now());
    const wait = Math.min(remaining - Math.min(60_000, remaining / 5), longestTimerMilliseconds);
    this.stopRefresh = this.clock.after(wait, () => {
      if (this.isConnected) this.tokenChanged();
    });
  }
}
