/** Waiting for an event, never for a time: each wait has a deadline and says what it waited for. */
import { setTimeout as delay } from "node:timers/promises";

const usualPollMs = 20;

export interface Options {
  readonly pollMs?: number;
  /** What else to say when it did not happen. */
  readonly context?: () => string;
}

/** The first value of `probe` that is neither undefined nor false. */
export const until = async <Value>(
  what: string,
  probe: () => Value | undefined | false | Promise<Value | undefined | false>,
  deadlineMs: number,
  options: Options = {},
): Promise<Value> => {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > end) {
      throw new Error(`not within ${deadlineMs} ms: ${what}\n${options.context?.() ?? ""}`);
    }
    await delay(options.pollMs ?? usualPollMs);
  }
};

/** The promise's value, or an error that says what did not come in time. */
export const within = async <Value>(
  what: string,
  promise: Promise<Value>,
  deadlineMs: number,
  context: () => string = () => "",
): Promise<Value> => {
  const stop = new AbortController();
  const late = delay(deadlineMs, undefined, { signal: stop.signal }).then(() => {
    throw new Error(`not within ${deadlineMs} ms: ${what}\n${context()}`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    stop.abort();
    late.catch(() => undefined);
  }
};

/** A promise that a test looks at later: until then its failure is not an unhandled one. */
export const later = <Value>(promise: Promise<Value>): Promise<Value> => {
  promise.catch(() => undefined);
  return promise;
};
