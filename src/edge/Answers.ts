/**
 * 2xx to INVITE until their ACK (RFC 3261 section 13.3.1.4), over every transport: between its ends
 * only the user agents themselves repeat them.
 */
import * as Machine from "../sip/transaction/Machine.ts";
import type { Timer, TimerWheel } from "./TimerWheel.ts";

export interface Waiting {
  /** Of the actor and its leg: what else the leg wants to send waits for the ACK. */
  readonly owner: string;
  readonly repeat: () => void;
  /** The ACK came, with its body. */
  readonly acknowledged: (body: string) => void;
  /** 64 T1 without one. */
  readonly timedOut: () => void;
}

interface Entry extends Waiting {
  timer: Timer;
  intervalMs: number;
  elapsedMs: number;
}

export interface Answers {
  /** `key`: our tag and the CSeq number of the INVITE. */
  readonly start: (key: string, waiting: Waiting) => void;
  /** False when nothing waits for this ACK. */
  readonly acknowledge: (key: string, body: string) => boolean;
  /** Runs when no 2xx of this owner waits (any more). */
  readonly whenSettled: (owner: string, run: () => void) => void;
}

const { t1, t2 } = Machine.defaults;

export const keyOf = (tag: string, cseq: number): string => `${tag} ${cseq}`;

export const make = (wheel: TimerWheel): Answers => {
  const entries = new Map<string, Entry>();
  const queues = new Map<string, Array<() => void>>();

  const settle = (key: string, entry: Entry): void => {
    wheel.stop(entry.timer);
    entries.delete(key);
    const queue = queues.get(entry.owner);
    queues.delete(entry.owner);
    for (const run of queue ?? []) run();
  };

  const again = (key: string, entry: Entry): void => {
    if (entry.elapsedMs >= 64 * t1) {
      settle(key, entry);
      return entry.timedOut();
    }
    entry.repeat();
    entry.intervalMs = Math.min(t2, entry.intervalMs * 2);
    schedule(key, entry);
  };

  const schedule = (key: string, entry: Entry): void => {
    const wait = Math.min(entry.intervalMs, 64 * t1 - entry.elapsedMs);
    entry.elapsedMs += wait;
    entry.timer = wheel.start(wait, () => again(key, entry));
  };

  return {
    start: (key, waiting) => {
      const known = entries.get(key);
      if (known !== undefined) wheel.stop(known.timer);
      const timer = wheel.start(t1, () => again(key, entry));
      const entry: Entry = { ...waiting, timer, intervalMs: t1, elapsedMs: t1 };
      entries.set(key, entry);
    },
    acknowledge: (key, body) => {
      const entry = entries.get(key);
      if (entry === undefined) return false;
      entry.acknowledged(body);
      settle(key, entry);
      return true;
    },
    whenSettled: (owner, run) => {
      const busy = [...entries.values()].some((entry) => entry.owner === owner);
      if (!busy) return run();
      const queue = queues.get(owner) ?? [];
      queues.set(owner, queue);
      queue.push(run);
    },
  };
};
