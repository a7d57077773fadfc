import { describe, expect, it } from "vitest";
import { backoffMilliseconds } from "../src/backoff.js";
import { compareCuts } from "../src/cut.js";
import { hubError, SyncError } from "../src/syncError.js";
import { readToken, tokenExpiry } from "../src/token.js";
import { jwt } from "./support/engine.js";

describe("the expiry of a token", () => {
  it("is read from a JWT, also with letters beyond ASCII", () => {
    expect(tokenExpiry(jwt(1_800_000_000_000, "ÿ?>"))).toBe(1_800_000_000_000);
  });

  it("is unknown for everything else", () => {
    for (const token of ["", "opaque", "a.b.c", `a.${btoa("null")}.c`, `a.${btoa('{"exp":"soon"}')}.c`, `a.${btoa("{}")}.c`]) expect(tokenExpiry(token)).toBe(null);
  });
});

describe("a token", () => {
  it("may be a text, a function, or none", async () => {
    expect(await readToken("t")).toBe("t");
    expect(await readToken(() => "t")).toBe("t");
    expect(await readToken(() => Promise.resolve(null))).toBe("");
    expect(await readToken(undefined)).toBe("");
  });
});

describe("an error of the hub", () => {
  it("is read from SignalR's sentence, and from the bare text", () => {
    const sentence = "An unexpected error occurred invoking 'Attach' on the server. HubException: unknown_subscription: there is: no such one";
    expect(hubError(new Error(sentence))).toMatchObject({ code: "unknown_subscription", message: "there is: no such one", class: "refetch" });
    expect(hubError(new Error("token_expired: the token has expired"))).toMatchObject({ code: "token_expired" });
  });

  it("without a code is the network's", () => {
    expect(hubError(new Error("Invocation canceled due to the underlying connection being closed."))).toMatchObject({ code: "network_error", class: "backOff" });
    expect(hubError(new Error("WebSocket closed with status code: 1006 (no reason given)."))).toMatchObject({ code: "network_error" });
  });

  it("of a refused negotiation is known by its status", () => {
    expect(hubError(new Error("Failed to complete negotiation with the server: Error: : Status code '403'"))).toMatchObject({ code: "permission_denied" });
    expect(hubError(new Error("Failed to complete negotiation with the server: Error: : Status code '503'"))).toMatchObject({ code: "network_error" });
  });

  it("with a code that this version does not know asks to fix the request", () => {
    expect(new SyncError({ code: "from_the_future" }).class).toBe("fixRequest");
  });
});

describe("cuts", () => {
  it("are ordered as numbers of 64 bits", () => {
    const rising = ["0/0", "0/9", "0/10", "0/FFFFFFFF", "1/0", "A/0", "10/0", "FFFFFFFF/FFFFFFFF"];
    for (let left = 0; left < rising.length; left++) {
      for (let right = 0; right < rising.length; right++) expect(Math.sign(compareCuts(rising[left]!, rising[right]!))).toBe(Math.sign(left - right));
    }
  });
});

describe("the wait before the next try", () => {
  it("doubles up to a maximum, and is spread over its upper half", () => {
    const backoff = { initialMilliseconds: 100, maximumMilliseconds: 1_000 };
    expect([0, 1, 2, 3, 4, 500].map((attempt) => backoffMilliseconds(backoff, attempt, 0))).toEqual([50, 100, 200, 400, 500, 500]);
    expect(backoffMilliseconds(backoff, 0, 0.999)).toBeCloseTo(100, 0);
    expect(backoffMilliseconds({}, 20, 0)).toBe(15_000);
  });
});
