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
import { Bus } from "../bus/Bus.ts";
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

/** Serves the worker's mailbox on the bus for the life of the scope; returns when it is up. */
export const make = Effect.fnUntraced(function* (config: Config) {
  const bus = yield* Bus;
  const up = yield* Deferred.make<void, MediaFailed>();
  const failed = new MediaFailed({ bind: config.bind });
  const subject = Subjects.media(config.worker);
  let current: Pipe.Pipe | undefined;
  let wasUp = false;

  yield* bus.serve(
    subject,
    (payload) =>
      current === undefined ? Effect.succeed(undefined) : Effect.catch(
        current.request(subject, payload, requestMs),
        () => Effect.succeed(undefined),
      ),
  );

  /** One life of the child, to its end. */
  const live = Effect.scoped(Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => start(config)),
      (child) => Effect.sync(() => child.kill("SIGKILL")),
    );
    const pipe = yield* Pipe.make(child.stdout!, child.stdin!);
    yield* pipe.subscribe(Subjects.announce, (payload) => {
      current = pipe;
      wasUp = true;
      return Effect.andThen(bus.publish(Subjects.announce, payload), Deferred.succeed(up, void 0));
    });
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
