/** What a connection may cost in time: a peer that says nothing, or nothing whole, is let go. */
import type { Closing } from "./Connections.ts";
import type { StreamLimits } from "./Listen.ts";
import type { TimerWheel } from "./TimerWheel.ts";

export interface Watch {
  /**
   * Octets came: `taken` whole messages or keep-alives, and whether another one has begun behind
   * them.
   */
  readonly heard: (taken: number, begun: boolean) => void;
  readonly stop: () => void;
}

/**
 * `silentMs`: how long there may be no message at all. `begun` tells of octets that the owner does
 * not see itself; `late` is called once.
 */
export const make = (
  { limits, now, wheel }: {
    readonly limits: StreamLimits;
    readonly now: () => number;
    readonly wheel: TimerWheel;
  },
  silentMs: number,
  late: (reason: Closing) => void,
): Watch => {
  const opened = now();
  let heard = opened;
  let messages = 0;
  /** Since when a message is under way; 0: none is. */
  let begunAt = 0;
  const verdict = (): Closing | undefined => {
    const at = now();
    if (begunAt > 0 && at - begunAt > limits.messageMs) return "slow";
    if (messages === 0 && at - opened > silentMs) return "silent";
    return at - heard > limits.idleMs ? "idle" : undefined;
  };
  const check = (): void => {
    const reason = verdict();
    if (reason === undefined) timer = wheel.start(limits.checkMs, check);
    else late(reason);
  };
  let timer = wheel.start(limits.checkMs, check);
  return {
    heard: (taken, begun) => {
      heard = now();
      messages += taken;
      // A message that ended makes room for the next one's time.
      begunAt = !begun ? 0 : taken > 0 || begunAt === 0 ? heard : begunAt;
    },
    stop: () => wheel.stop(timer),
  };
};
