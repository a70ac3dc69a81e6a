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
  /** Of each owner whose 2xx wait: how many they are, and what waits for the last of them. */
  const busy = new Map<string, { waiting: number; readonly queue: Array<() => void> }>();

  const settle = (key: string, entry: Entry): void => {
    wheel.stop(entry.timer);
    entries.delete(key);
    const own = busy.get(entry.owner);
    if (own === undefined || --own.waiting > 0) return;
    busy.delete(entry.owner);
    for (const run of own.queue) run();
  };

  const again = (key: string, entry: Entry): void => {
    if (entry.elapsedMs >= 64 * t1) {
      settle(key, entry);
      return entry.timedOut();
    }
    entry.intervalMs = Math.min(t2, entry.intervalMs * 2);
    schedule(key, entry);
    entry.repeat();
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
      const own = busy.get(waiting.owner) ?? { waiting: 0, queue: [] };
      busy.set(waiting.owner, own);
      if (known === undefined) own.waiting++;
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
      const own = busy.get(owner);
      if (own === undefined) run();
      else own.queue.push(run);
    },
  };
};
