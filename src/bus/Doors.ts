/** Who serves and who listens at one end of a bus, whatever carries the messages. */
import { Effect, type Scope } from "effect";
import type { Bus } from "./Bus.ts";

export type Answer = (payload: unknown) => Effect.Effect<unknown>;
type Listen = (payload: unknown) => Effect.Effect<void>;

export interface Doors extends Pick<Bus["Service"], "serve" | "subscribe"> {
  readonly server: (subject: string) => Answer | undefined;
  /** Tells all listeners; what becomes of it does not concern whoever published. */
  readonly tell: (subject: string, payload: unknown) => void;
}

/** `run` starts an effect at once. */
export const make = (run: (effect: Effect.Effect<void>) => void): Doors => {
  const servers = new Map<string, Answer>();
  const listeners = new Map<string, Set<{ readonly listen: Listen }>>();
  const open = (add: () => void, remove: () => void): Effect.Effect<void, never, Scope.Scope> =>
    Effect.acquireRelease(Effect.sync(add), () => Effect.sync(remove));
  return {
    server: (subject) => servers.get(subject),
    tell: (subject, payload) => {
      for (const { listen } of [...listeners.get(subject) ?? []]) {
        const told = Effect.suspend(() => listen(payload));
        run(Effect.catchCause(told, (cause) => Effect.logError(`listener of ${subject}`, cause)));
      }
    },
    serve: (subject, answer) =>
      open(() => {
        if (servers.has(subject)) throw new Error(`two servers of the subject ${subject}`);
        servers.set(subject, answer);
      }, () => servers.delete(subject)),
    subscribe: (subject, listen) => {
      const one = { listen };
      return open(() => {
        const known = listeners.get(subject) ?? new Set();
        listeners.set(subject, known.add(one));
      }, () => {
        const known = listeners.get(subject);
        known?.delete(one);
        if (known?.size === 0) listeners.delete(subject);
      });
    },
  };
};
