import type { Cut } from "./protocol.js";

/** Negative when `left` is before `right`, zero when they are the same position. */
export function compareCuts(left: Cut, right: Cut): number {
  const [leftHigh, leftLow] = parts(left);
  const [rightHigh, rightLow] = parts(right);
  return leftHigh - rightHigh || leftLow - rightLow;
}

// Two halves of 32 bits, so that each is exact as a number.
function parts(cut: Cut): [high: number, low: number] {
  const slash = cut.indexOf("/");
  return [Number.parseInt(cut.slice(0, slash), 16), Number.parseInt(cut.slice(slash + 1), 16)];
}
