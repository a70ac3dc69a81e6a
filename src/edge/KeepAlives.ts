/**
 * Keeps the way to phones behind NAT open: many a NAT forgets a UDP mapping after half a minute
 * without a packet, long before the phone registers again (RFC 4787 section 4.3).
 */
import type { SocketAddress } from "../../schemas/Sip.ts";
import type { Counters } from "../telemetry/Counters.ts";
import type { Timer, TimerWheel } from "./TimerWheel.ts";

export interface KeepAlives {
  /** Sends line ends there until then; 0 ends it. */
  readonly keep: (remote: SocketAddress, until: number) => void;
  readonly count: () => number;
}

interface Kept {
  until: number;
  timer: Timer;
}

const mostKept = 100_000;

export const make = (
  { counters, everyMs, now, send, wheel }: {
    readonly wheel: TimerWheel;
    readonly now: () => number;
    readonly everyMs: number;
    readonly send: (remote: SocketAddress, text: string) => void;
    readonly counters: Counters;
  },
): KeepAlives => {
  const all = new Map<string, Kept>();
  const sent = counters.counter("edge_keepalives_sent_total");

  const again = (key: string, remote: SocketAddress, kept: Kept): void => {
    if (now() >= kept.until) return void all.delete(key);
    sent.value++;
    send(remote, "\r\n\r\n");
    kept.timer = wheel.start(everyMs, () => again(key, remote, kept));
  };

  return {
    keep: (remote, until) => {
      const key = `${remote.ip} ${remote.port}`;
      const known = all.get(key);
      if (known !== undefined) {
        known.until = until;
        if (until > now()) return;
        wheel.stop(known.timer);
        all.delete(key);
      } else if (until > now() && all.size < mostKept) {
        const kept: Kept = {
          until,
          timer: wheel.start(everyMs, () => again(key, remote, kept)),
        };
        all.set(key, kept);
      }
    },
    count: () => all.size,
  };
};
