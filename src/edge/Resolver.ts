/** Addresses of host names, with a deadline and a bound: a name is what any phone can make up. */
import type { TimerWheel } from "./TimerWheel.ts";
import { isLiteral } from "./Identity.ts";

/** Address of a host name; literals come back at once. Undefined: none, or not in time. */
export type Resolve = (host: string, resolved: (ip: string | undefined) => void) => void;

/** The system's resolver. */
export type Lookup = (
  host: string,
  found: (error: Error | null, ip: string | undefined) => void,
) => void;

const deadlineMs = 4_000;
const mostAtOnce = 1_000;

export const make = (wheel: TimerWheel, lookup: Lookup): Resolve => {
  let open = 0;
  return (host, resolved) => {
    if (isLiteral(host)) return resolved(host);
    if (open >= mostAtOnce) return resolved(undefined);
    open++;
    let settled = false;
    const settle = (ip: string | undefined): void => {
      if (settled) return;
      settled = true;
      wheel.stop(timer);
      resolved(ip);
    };
    const timer = wheel.start(deadlineMs, () => settle(undefined));
    lookup(host, (error, ip) => {
      // Only now is the system done with it.
      open--;
      settle(error === null ? ip : undefined);
    });
  };
};
