/**
 * Timers of transactions: very many, mostly cancelled, none exact to the millisecond. One tick of
 * the environment drives them all, and none runs while there is nothing to time.
 */
import type { Environment } from "../kernel/Environment.ts";

export interface Timer {
  readonly at: number;
  readonly run: () => void;
  readonly slot: number;
}

export interface TimerWheel {
  readonly start: (delayMs: number, run: () => void) => Timer;
  readonly stop: (timer: Timer) => void;
  readonly size: () => number;
}

const tickMs = 20;
const slots = 512;

export const make = (environment: Environment): TimerWheel => {
  const wheel: ReadonlyArray<Set<Timer>> = Array.from({ length: slots }, () => new Set<Timer>());
  let size = 0;
  /** The tick that was run last. */
  let current = Math.floor(environment.now() / tickMs);
  let ticking = false;

  const tick = (): void => {
    const now = environment.now();
    const last = Math.floor(now / tickMs);
    // After a long pause each slot needs one visit, not one for each tick that was missed.
    const from = Math.max(current + 1, last - slots + 1);
    for (let n = from; n <= last; n++) {
      for (const timer of wheel[n % slots]!) {
        // One of a later round of the wheel.
        if (timer.at > now) continue;
        stop(timer);
        timer.run();
      }
    }
    current = Math.max(current, last);
    ticking = size > 0;
    if (ticking) environment.schedule(tickMs, tick);
  };

  const stop = (timer: Timer): void => {
    if (wheel[timer.slot]!.delete(timer)) size--;
  };

  return {
    start: (delayMs, run) => {
      if (!ticking) {
        current = Math.floor(environment.now() / tickMs);
        ticking = true;
        environment.schedule(tickMs, tick);
      }
      const at = environment.now() + delayMs;
      // Never into the slot that is being visited.
      const due = Math.max(current + 1, Math.floor(at / tickMs) + 1);
      const timer: Timer = { at: Math.min(at, due * tickMs), run, slot: due % slots };
      wheel[timer.slot]!.add(timer);
      size++;
      return timer;
    },
    stop,
    size: () => size,
  };
};
