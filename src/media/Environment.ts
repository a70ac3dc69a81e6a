/** Time and randomness of a media worker, given to it so that a simulation can drive it. */
export interface Environment {
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** 32 random bits that a peer cannot guess. */
  readonly random32: () => number;
  /** Calls `run` once after `delayMs`; the result cancels it. */
  readonly schedule: (delayMs: number, run: () => void) => () => void;
}

/** The machine's clock, timers and random source. */
export const live = (): Environment => {
  const word = new Uint32Array(1);
  return {
    now: () => performance.now(),
    random32: () => crypto.getRandomValues(word)[0] ?? 0,
    schedule: (delayMs, run) => {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
  };
};
