/**
 * The media role: an engine behind its mailbox. Runs in a process of its own (`workers/media.ts`).
 */
import type { Readable, Writable } from "node:stream";
import { Effect } from "effect";
import type { WorkerId } from "../../schemas/Ids.ts";
import * as Subjects from "../../schemas/Subjects.ts";
import { Bus } from "../bus/Bus.ts";
import * as Pipe from "../bus/Pipe.ts";
import * as Base32 from "../kernel/Base32.ts";
import * as Agent from "../media/Agent.ts";
import * as Engine from "../media/Engine.ts";
import * as MediaEnvironment from "../media/Environment.ts";
import * as Counters from "../telemetry/Counters.ts";
import { udp } from "./Udp.ts";

export interface Config {
  readonly worker: WorkerId;
  readonly bind: string;
  readonly ports: { readonly first: number; readonly last: number };
  readonly counters: Counters.Counters;
}

/** Longer than any call may ring: ports are held by their reservation until somebody answers. */
const reservationMs = 900_000;

const make = Effect.fnUntraced(function* (config: Config) {
  const { bind, counters, ports, worker } = config;
  const bus = yield* Bus;
  const incarnation = Base32.encode(crypto.getRandomValues(new Uint8Array(5)));
  const engine = yield* Engine.make({
    worker,
    incarnation,
    bind,
    address: bind,
    ports,
    reservationMs,
    io: udp(),
    environment: MediaEnvironment.live(),
    counters,
  });
  yield* bus.serve(Subjects.media(worker), Agent.make(engine, counters));
  yield* bus.publish(Subjects.announce, { role: "media", worker, incarnation });
  return engine;
});

/** The role with its bus over a pair of streams, until the other end is gone. */
export const serve = Effect.fnUntraced(function* (
  config: Omit<Config, "counters">,
  input: Readable,
  output: Writable,
) {
  const pipe = yield* Pipe.make(input, output);
  const engine = make({ ...config, counters: Counters.make() });
  yield* Effect.provideService(engine, Bus, pipe);
  yield* Effect.callback<void>((resume) => pipe.onClosed(() => resume(Effect.void)));
});
