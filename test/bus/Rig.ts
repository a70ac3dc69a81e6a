/** Buses of every kind, for one test. */
import { PassThrough } from "node:stream";
import { Effect, Exit, References, Scope } from "effect";
import { onTestFinished } from "vitest";
import type { Bus } from "../../src/bus/Bus.ts";
import * as Memory from "../../src/bus/Memory.ts";
import * as Pipe from "../../src/bus/Pipe.ts";

type Service = Readonly<Bus["Service"]>;

/** Defects that tests provoke are logged; nobody wants to read them here. */
const quiet = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provideService(effect, References.MinimumLogLevel, "None");

/** Runs what wants a scope; the result ends it, at the latest with the test. */
export const scoped = async <A>(effect: Effect.Effect<A, never, Scope.Scope>) => {
  const scope = await Effect.runPromise(Scope.make());
  const close = () => Effect.runPromise(Scope.close(scope, Exit.void));
  onTestFinished(close);
  return { value: await Effect.runPromise(quiet(Scope.provide(effect, scope))), close };
};

/** Two ends: what one asks, the other serves. */
export interface Ends {
  readonly near: Service;
  readonly far: Service;
}

export const memory = async (): Promise<Ends> => {
  const { value } = await scoped(Memory.make);
  return { near: value, far: value };
};

export const pipe = async () => {
  const [there, back] = [new PassThrough(), new PassThrough()];
  const { value: near, close: closeNear } = await scoped(Pipe.make(back, there));
  const { value: far, close: closeFar } = await scoped(Pipe.make(there, back));
  return { near, far, there, back, closeNear, closeFar };
};

/** Every adapter of the port. */
export const adapters: ReadonlyArray<readonly [string, () => Promise<Ends>]> = [
  ["memory", memory],
  ["pipe", pipe],
];

/** What a request ends with: its answer, or its error. */
export const ask = (bus: Service, subject: string, payload: unknown, timeoutMs = 30_000) =>
  Effect.runPromise(Effect.result(bus.request(subject, payload, timeoutMs))).then((result) =>
    result._tag === "Success" ? result.success : result.failure
  );

/** Serves until the returned function is called. */
export const serve = async (
  bus: Service,
  subject: string,
  answer: (payload: unknown) => Effect.Effect<unknown>,
) => (await scoped(bus.serve(subject, answer))).close;

/** What a subscription has heard, in order. */
export const listen = async (bus: Service, subject: string) => {
  const heard: Array<unknown> = [];
  const { close } = await scoped(
    bus.subscribe(subject, (payload) => Effect.sync(() => void heard.push(payload))),
  );
  return { heard, close };
};
