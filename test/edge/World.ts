/** The clock and timers of an edge, moved by the test. */
import type { Environment } from "../../src/kernel/Environment.ts";
import * as Virtual from "../support/Virtual.ts";

export interface World extends Environment {
  /** Lets time pass; what is scheduled runs at its time. */
  readonly pass: (ms: number) => void;
  /** Sets the wall clock, as an administrator does; timers do not notice. */
  readonly set: (now: number) => void;
  /** Tasks that are scheduled. */
  readonly scheduled: () => number;
}

export const make = (start = 1_700_000_000_000): World => {
  const { advance, environment, jump, timers } = Virtual.make(start);
  return {
    ...environment,
    pass: advance,
    set: (now) => jump(now - environment.now()),
    scheduled: timers,
  };
};
