/**
 * The media worker of an embedded Tandem: a process of its own, so that nothing that reads packets
 * from anywhere shares memory with a secret. Started again when it dies; its relays come back on
 * the same ports, because their configurations stand.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Deferred, Effect, Schema } from "effect";
import type { WorkerId } from "../../schemas/Ids.ts";
import * as Subjects from "../../schemas/Subjects.ts";
import { Bus, NoResponders } from "../bus/Bus.ts";
import * as Pipe from "../bus/Pipe.ts";

/** The first start failed; the worker has said why. */
export class MediaFailed extends Schema.TaggedError<MediaFailed>()("MediaFailed", {
  bind: Schema.String,
}) {
  override get message(): string {
    return `the media worker cannot start on ${this.bind}, for the reason that it gives above; ` +
      "give an address of this machine with --bind, or other ports with --rtp-ports";
  }
}

export interface Config {
  readonly worker: WorkerId;
  readonly bind: string;
  readonly ports: { readonly first: number; readonly last: number };
}

const root = fileURLToPath(new URL("../../", import.meta.url));
const requestMs = 4_000;
const restartMs = 200;
const firstStartMs = 10_000;

const start = ({ bind, ports, worker }: Config): ChildProcess =>
  spawn(process.execPath, [
    "run",
    "--quiet",
    "--no-prompt",
    "--no-remote",
    `--config=${root}deno.json`,
    "--allow-net",
    `--allow-read=${root}`,
    `${root}workers/media.ts`,
    worker,
    bind,
    String(ports.first),
    String(ports.last),
  ], { stdio: ["pipe", "pipe", "inherit"] });

const isReservation = (payload: unknown): boolean =>
  (payload as { readonly _tag?: unknown } | null)?._tag === "ReserveRelay";

/** Serves the worker's mailbox on the bus for the life of the scope; returns when it is up. */
export const make = Effect.fnUntraced(function* (config: Config) {
  const bus = yield* Bus;
  const up = yield* Deferred.make<void, MediaFailed>();
  const failed = new MediaFailed({ bind: config.bind });
  const subject = Subjects.media(config.worker);
  let current: Pipe.Pipe | undefined;
  /** Until the next life of the worker has begun. */
  let next = yield* Deferred.make<void>();
  let wasUp = false;

  const unanswered = () => Effect.succeed(undefined);
  const ask = (payload: unknown) =>
    Effect.suspend(() =>
      current === undefined
        ? Effect.fail(new NoResponders({ subject }))
        : current.request(subject, payload, requestMs)
    );
  // A new call waits for the worker's next life, as long as whoever asks for it: a moment.
  const reserve = (payload: unknown) =>
    Effect.catchTag(
      ask(payload),
      "NoResponders",
      () => Effect.andThen(Deferred.await(next), ask(payload)),
    );
  yield* bus.serve(
    subject,
    (payload) => Effect.catch(isReservation(payload) ? reserve(payload) : ask(payload), unanswered),
  );

  /** One life of the child, to its end. */
  const live = Effect.scoped(Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => start(config)),
      (child) => Effect.sync(() => child.kill("SIGKILL")),
    );
    const pipe = yield* Pipe.make(child.stdout!, child.stdin!);
    yield* pipe.subscribe(
      Subjects.announce,
      Effect.fnUntraced(function* (payload) {
        current = pipe;
        wasUp = true;
        // Ports of calls that are there already come first, then those of the calls that waited.
        yield* bus.publish(Subjects.announce, payload);
        yield* Deferred.succeed(next, undefined);
        next = yield* Deferred.make<void>();
        yield* Deferred.succeed(up, undefined);
      }),
    );
    yield* Effect.callback<void>((resume) => {
      pipe.onClosed(() => resume(Effect.void));
      child.once("exit", () => resume(Effect.void));
    });
    current = undefined;
    // What kept it from its first start will not mend itself; later deaths may.
    yield* Deferred.fail(up, failed);
  }));
  const again = Effect.andThen(
    Effect.logWarning("the media worker has ended; it is started again"),
    Effect.sleep(restartMs),
  );
  yield* live.pipe(
    Effect.andThen(Effect.suspend(() => wasUp ? again : Effect.never)),
    Effect.forever,
    Effect.forkScoped,
  );
  yield* Effect.timeoutOrElse(Deferred.await(up), {
    duration: firstStartMs,
    orElse: () => Effect.fail(failed),
  });
});
