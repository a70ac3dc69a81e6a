/**
 * Timers of transactions: very many, mostly cancelled, none exact to the millisecond. One tick of
 * the environment drives them all, and none runs while there is nothing to time. None fires early;
 * a clock that is set back delays none.
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

/** `failed` hears of a timer that threw; the others run on. */
export const make = (
  environment: Environment,
  failed: (cause: unknown) => void = () => {},
): TimerWheel => {
  const wheel: ReadonlyArray<Set<Timer>> = Array.from({ length: slots }, () => new Set<Timer>());
  let size = 0;
  let seen = environment.now();
  /** What the wall clock lost by being set back. */
  let lost = 0;
  const clock = (): number => {
    const now = environment.now();
    if (now < seen) lost += seen - now;
    seen = now;
    return now + lost;
  };
  /** The tick that was run last. */
  let current = Math.floor(seen / tickMs);
  let ticking = false;

  const fire = (timer: Timer): void => {
    stop(timer);
    try {
      timer.run();
    } catch (cause) {
      failed(cause);
    }
  };

  const tick = (): void => {
    const now = clock();
    const last = Math.floor(now / tickMs);
    // After a long pause each slot needs one visit, not one for each tick that was missed.
    const from = Math.max(current + 1, last - slots + 1);
    for (let n = from; n <= last; n++) {
      for (const timer of wheel[n % slots]!) {
        // One of a later round of the wheel.
        if (timer.at <= now) fire(timer);
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
      const now = clock();
      if (!ticking) {
        current = Math.floor(now / tickMs);
        ticking = true;
        environment.schedule(tickMs, tick);
      }
      const at = now + delayMs;
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
