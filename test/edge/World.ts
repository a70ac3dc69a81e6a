/** A clock and timers that the test moves. */
import type { Environment } from "../../src/kernel/Environment.ts";

export interface World extends Environment {
  /** Lets time pass; what is scheduled runs at its time. */
  readonly pass: (ms: number) => void;
  /** Sets the wall clock, as an administrator does; timers do not notice. */
  readonly set: (now: number) => void;
  /** Tasks that are scheduled. */
  readonly scheduled: () => number;
}

interface Task {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

export const make = (start = 1_700_000_000_000): World => {
  let wall = start;
  /** What timers go by. */
  let monotonic = 0;
  let order = 0;
  const tasks = new Set<Task>();
  const next = (until: number): Task | undefined =>
    [...tasks].filter(({ at }) => at <= until)
      .sort((a, b) => a.at - b.at || a.order - b.order)[0];
  const move = (to: number): void => {
    wall += to - monotonic;
    monotonic = to;
  };
  return {
    now: () => wall,
    random: (size) => new Uint8Array(size).fill(7),
    schedule: (delayMs, run) => {
      const task = { at: monotonic + delayMs, order: order++, run };
      tasks.add(task);
      return () => void tasks.delete(task);
    },
    pass: (ms) => {
      const until = monotonic + ms;
      for (let task = next(until); task !== undefined; task = next(until)) {
        tasks.delete(task);
        move(task.at);
        task.run();
      }
      move(until);
    },
    set: (now) => {
      wall = now;
    },
    scheduled: () => tasks.size,
  };
};
