/**
 * Counts the final responses from 400 on that this edge sends, by who decided and by the words of
 * their cause: those of the reason phrase, or closer ones. All words come from our own code.
 */
import * as Status from "../sip/Status.ts";
import type { Counter, Counters } from "../telemetry/Counters.ts";

export type Decider =
  /** The edge alone. */
  | "edge"
  /** The reply of an actor: credentials, registrations, dialogs. */
  | "core"
  /** An effect of a call: its own end, or what the other side answered. */
  | "call";

export interface Refusals {
  readonly count: (by: Decider, status: number, reason?: string) => void;
}

export const make = (counters: Counters): Refusals => {
  const known = new Map<string, Counter>();
  return {
    count: (by, status, reason = Status.phrase(status)) => {
      if (status < 400) return;
      const key = `${by} ${status} ${reason}`;
      let counter = known.get(key);
      if (counter === undefined) {
        const labels = { by, status: String(status), reason };
        known.set(key, counter = counters.counter("edge_requests_refused_total", labels));
      }
      counter.value++;
    },
  };
};
