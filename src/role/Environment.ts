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

export const live = (): Environment => ({
  now: () => Date.now(),
  random: pooled(),
  schedule: (delayMs, task) => {
    // A process whose roles have ended does not stay for the deadline of a call.
    const timer = setTimeout(task, delayMs).unref();
    return () => clearTimeout(timer);
  },
});
