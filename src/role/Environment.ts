/** The real world: the machine's clock, timers and random source. */
import { clearTimeout, setTimeout } from "node:timers";
import type { Environment } from "../kernel/Environment.ts";

/** Draws many octets at once; each is handed out once. */
const pooled = () => {
  const pool = new Uint8Array(4_096);
  let drawn = pool.length;
  return (size: number): Uint8Array => {
    if (size > 64) return crypto.getRandomValues(new Uint8Array(size));
    if (drawn + size > pool.length) {
      crypto.getRandomValues(pool);
      drawn = 0;
    }
    drawn += size;
    return pool.slice(drawn - size, drawn);
  };
};

/** A clock that was set is followed by this part of the time that passes. */
const follow = 0.1;

/**
 * Wall time that never leaps. By a clock that is set forward all that rings and is registered would
 * be over at once; by one that is set back, deadlines would stand still and calls last no time.
 */
export const steady = (wall: () => number, monotonic: () => number): () => number => {
  let at = wall();
  let seen = monotonic();
  return () => {
    const now = monotonic();
    const passed = now - seen;
    const most = passed * follow;
    at += passed + Math.max(-most, Math.min(most, wall() - at - passed));
    seen = now;
    return Math.floor(at);
  };
};

export const live = (): Environment => ({
  now: steady(() => Date.now(), () => performance.now()),
  random: pooled(),
  schedule: (delayMs, task) => {
    // A process whose roles have ended does not stay for the deadline of a call.
    const timer = setTimeout(task, delayMs).unref();
    return () => clearTimeout(timer);
  },
});
