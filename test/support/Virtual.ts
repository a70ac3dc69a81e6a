/** A world whose time only tests move: the environment of the rim, and the clock of effects. */
import { setImmediate as turn } from "node:timers/promises";
import { Clock, Duration, Effect } from "effect";
import type { Environment } from "../../src/kernel/Environment.ts";

export interface Virtual {
  readonly environment: Environment;
  readonly clock: Clock.Clock;
  /** Moves time on, timers in order; those of one moment in the order they were set. */
  readonly advance: (ms: number) => void;
  /** As `advance`, in small steps, between which fibers that are ready run. */
  readonly pass: (ms: number) => Promise<void>;
  /** Sets the wall clock back or forth, as an operator does; timers stay as far away. */
  readonly jump: (ms: number) => void;
  readonly timers: () => number;
}

const stepMs = 10;

export const make = (start = 1_000_000, seed = 1): Virtual => {
  let elapsed = 0;
  let offset = start;
  let state = seed;
  let timers: Array<{ readonly at: number; readonly task: () => void }> = [];
  const now = () => offset + elapsed;
  const environment: Environment = {
    now,
    random: (size) =>
      Uint8Array.from({ length: size }, () => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        return state >>> 24;
      }),
    schedule: (delayMs, task) => {
      const timer = { at: elapsed + delayMs, task };
      timers.push(timer);
      return () => void (timers = timers.filter((one) => one !== timer));
    },
  };
  const nanos = () => BigInt(now()) * 1_000_000n;
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: now,
    currentTimeMillis: Effect.sync(now),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep: (duration) =>
      Effect.callback<void>((resume) => {
        const stop = environment.schedule(Duration.toMillis(duration), () => resume(Effect.void));
        return Effect.sync(stop);
      }),
  };
  const advance = (ms: number): void => {
    const end = elapsed + ms;
    for (;;) {
      let next = timers[0];
      for (const one of timers) if (next === undefined || one.at < next.at) next = one;
      if (next === undefined || next.at > end) break;
      timers = timers.filter((one) => one !== next);
      elapsed = Math.max(elapsed, next.at);
      next.task();
    }
    elapsed = end;
  };
  const pass = async (ms: number): Promise<void> => {
    await turn();
    for (let left = ms; left > 0; left -= stepMs) {
      advance(Math.min(left, stepMs));
      // A fiber that yields goes on in the next turn of the event loop.
      await turn();
      await turn();
    }
  };
  return {
    environment,
    clock,
    advance,
    pass,
    jump: (ms) => void (offset += ms),
    timers: () => timers.length,
  };
};
