/** Bus within one process: the embedded start, tests and the simulation. */
import { Clock, Effect, Layer } from "effect";
import { Bus, BusTimeout, NoResponders } from "./Bus.ts";

/** A request that was not answered at once. */
interface Waiting {
  readonly deadline: number;
  readonly expire: () => void;
}

/** Timeouts are rare and need no precision: one look at all that waits, this often. */
const lookMs = 100;

export const make = Effect.gen(function* () {
  const context = yield* Effect.context<never>();
  const run = Effect.runForkWith(context);
  const clock = yield* Clock.Clock;
  const servers = new Map<string, (payload: unknown) => Effect.Effect<unknown>>();
  const listeners = new Map<string, Set<(payload: unknown) => Effect.Effect<void>>>();
  const waiting = new Set<Waiting>();
  let looking = false;

  const look = Effect.suspend(() => {
    const now = clock.currentTimeMillisUnsafe();
    for (const one of waiting) if (one.deadline <= now) one.expire();
    return waiting.size > 0 ? Effect.sleep(lookMs) : Effect.void;
  });
  const watch = (): void => {
    if (looking) return;
    looking = true;
    run(Effect.map(Effect.repeat(look, { while: () => waiting.size > 0 }), () => looking = false));
  };

  const request: Bus["Service"]["request"] = (subject, payload, timeoutMs) => {
    const answer = servers.get(subject);
    if (answer === undefined) return Effect.fail(new NoResponders({ subject }));
    return Effect.callback((resume) => {
      const fiber = run(answer(payload));
      const immediate = fiber.pollUnsafe();
      if (immediate !== undefined) return resume(immediate);
      const one: Waiting = {
        deadline: clock.currentTimeMillisUnsafe() + timeoutMs,
        expire: () => {
          waiting.delete(one);
          fiber.interruptUnsafe();
          resume(Effect.fail(new BusTimeout({ subject, timeoutMs })));
        },
      };
      waiting.add(one);
      watch();
      fiber.addObserver((exit) => {
        waiting.delete(one);
        resume(exit);
      });
      return Effect.sync(() => {
        waiting.delete(one);
        fiber.interruptUnsafe();
      });
    });
  };

  return Bus.of({
    request,
    serve: (subject, answer) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          if (servers.has(subject)) throw new Error(`two servers of the subject ${subject}`);
          servers.set(subject, answer);
        }),
        () => Effect.sync(() => servers.delete(subject)),
      ),
    publish: (subject, payload) =>
      Effect.forEach([...listeners.get(subject) ?? []], (listen) => listen(payload), {
        discard: true,
      }),
    subscribe: (subject, listen) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const known = listeners.get(subject) ?? new Set();
          listeners.set(subject, known.add(listen));
        }),
        () => Effect.sync(() => listeners.get(subject)?.delete(listen)),
      ),
  });
});

export const layer: Layer.Layer<Bus> = Layer.effect(Bus, make);
