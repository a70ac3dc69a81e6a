/**
 * What code at the rim takes from the world. The live one is made in `src/role`, the simulated one
 * in `src/simulation`: same seed, same trace (law 7).
 */
export interface Environment {
  /** Wall clock, ms since the epoch; it never goes back. */
  readonly now: () => number;
  /** Cryptographically strong octets. */
  readonly random: (size: number) => Uint8Array;
  /** Runs `task` once after `delayMs`; the result cancels it. */
  readonly schedule: (delayMs: number, task: () => void) => () => void;
}
