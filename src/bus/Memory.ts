/** Bus within one process: the embedded start, tests and the simulation. */
import { Cause, Clock, Effect, Layer } from "effect";
import { Bus, BusTimeout, NoResponders } from "./Bus.ts";
import * as Doors from "./Doors.ts";

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
  const doors = Doors.make(run);
  const waiting = new Set<Waiting>();
  let looking = false;

  const look = (): void => {
    const now = clock.currentTimeMillisUnsafe();
    for (const one of waiting) if (one.deadline <= now) one.expire();
    looking = false;
    watch();
  };
  const watch = (): void => {
    if (looking || waiting.size === 0) return;
    looking = true;
    run(Effect.map(Effect.sleep(lookMs), look));
  };

  const request: Bus["Service"]["request"] = (subject, payload, timeoutMs) =>
    Effect.callback((resume) => {
      const answer = doors.server(subject);
      if (answer === undefined) return resume(Effect.fail(new NoResponders({ subject })));
      const fiber = run(Effect.suspend(() => answer(payload)));
      const immediate = fiber.pollUnsafe();
      if (immediate?._tag === "Success") return resume(immediate);
      const one: Waiting = {
        deadline: clock.currentTimeMillisUnsafe() + timeoutMs,
        expire: () => {
          waiting.delete(one);
          resume(Effect.fail(new BusTimeout({ subject, timeoutMs })));
          fiber.interruptUnsafe();
        },
      };
      waiting.add(one);
      watch();
      fiber.addObserver((exit) => {
        if (exit._tag === "Success") {
          waiting.delete(one);
          resume(exit);
        } else if (!Cause.hasInterruptsOnly(exit.cause)) {
          // Whoever asked learns as little of it as from a server elsewhere: nothing, in time.
          run(Effect.logError(`server of ${subject}`, exit.cause));
        }
      });
      return Effect.sync(() => {
        waiting.delete(one);
        fiber.interruptUnsafe();
      });
    });

  return Bus.of({
    request,
    serve: doors.serve,
    publish: (subject, payload) => Effect.sync(() => doors.tell(subject, payload)),
    subscribe: doors.subscribe,
  });
});

export const layer: Layer.Layer<Bus> = Layer.effect(Bus, make);
