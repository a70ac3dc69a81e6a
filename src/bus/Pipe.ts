/**
 * Bus over a pair of byte streams, one JSON value a line: between a process and the child that it
 * started. Both ends are alike; what is served or subscribed on one can be asked for on the other.
 */
import type { Readable, Writable } from "node:stream";
import { createInterface } from "node:readline";
import { setImmediate } from "node:timers";
import { Effect } from "effect";
import { Bus, BusTimeout, NoResponders } from "./Bus.ts";

type Frame =
  | { readonly ask: number; readonly subject: string; readonly payload: unknown }
  | { readonly answer: number; readonly payload?: unknown }
  | { readonly unserved: number }
  | { readonly publish: string; readonly payload: unknown };

/** The other end is our own program: only the shape is looked at, payloads are their readers'. */
const decode = (line: string): Frame | undefined => {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? value as Frame : undefined;
  } catch {
    return undefined;
  }
};

type Answer = (payload: unknown) => Effect.Effect<unknown>;

export interface Pipe extends Readonly<Bus["Service"]> {
  /** Runs once when the other end is gone. */
  readonly onClosed: (run: () => void) => void;
}

/** Frames that may wait for the other end to read; above that it counts as gone. */
const mostUnreadOctets = 64 * 1024 * 1024;

export const make = Effect.fnUntraced(function* (input: Readable, output: Writable) {
  const run = Effect.runForkWith(yield* Effect.context<never>());
  const servers = new Map<string, Answer>();
  const listeners = new Map<string, Set<(payload: unknown) => Effect.Effect<void>>>();
  const waiting = new Map<number, (frame: Frame | undefined) => void>();
  const ends: Array<() => void> = [];
  let last = 0;
  let closed = false;

  const close = (): void => {
    if (closed) return;
    closed = true;
    for (const resume of waiting.values()) resume(undefined);
    waiting.clear();
    for (const end of ends) end();
  };
  let unsent = "";
  /**
   * One write for all frames of a turn of the event loop: each costs a system call and a wake-up.
   */
  const flush = (): void => {
    const text = unsent;
    unsent = "";
    if (closed) return;
    output.write(text);
    if (output.writableLength > mostUnreadOctets) close();
  };
  const send = (frame: Frame): void => {
    if (closed) return;
    if (unsent === "") setImmediate(flush);
    unsent += JSON.stringify(frame) + "\n";
  };

  const take = (line: string): void => {
    const frame = decode(line);
    if (frame === undefined) return;
    if ("ask" in frame) {
      const answer = servers.get(frame.subject);
      if (answer === undefined) return send({ unserved: frame.ask });
      run(Effect.map(answer(frame.payload), (payload) => send({ answer: frame.ask, payload })));
    } else if ("publish" in frame) {
      for (const listen of listeners.get(frame.publish) ?? []) run(listen(frame.payload));
    } else if ("answer" in frame || "unserved" in frame) {
      const id = "answer" in frame ? frame.answer : frame.unserved;
      waiting.get(id)?.(frame);
      waiting.delete(id);
    }
  };
  const lines = createInterface({ input, crlfDelay: Infinity });
  lines.on("line", take);
  lines.on("close", close);
  output.on("error", close);
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      lines.close();
      close();
    })
  );

  const request: Bus["Service"]["request"] = (subject, payload, timeoutMs) =>
    Effect.callback<unknown, NoResponders | BusTimeout>((resume) => {
      if (closed) return resume(Effect.fail(new NoResponders({ subject })));
      const id = ++last;
      const timer = setTimeout(() => {
        waiting.delete(id);
        resume(Effect.fail(new BusTimeout({ subject, timeoutMs })));
      }, timeoutMs);
      waiting.set(id, (frame) => {
        clearTimeout(timer);
        resume(
          frame !== undefined && "answer" in frame
            ? Effect.succeed(frame.payload)
            : Effect.fail(new NoResponders({ subject })),
        );
      });
      send({ ask: id, subject, payload });
      return Effect.sync(() => {
        clearTimeout(timer);
        waiting.delete(id);
      });
    });

  const pipe: Pipe = {
    request,
    serve: (subject, answer) =>
      Effect.acquireRelease(
        Effect.sync(() => void servers.set(subject, answer)),
        () => Effect.sync(() => servers.delete(subject)),
      ),
    publish: (subject, payload) => Effect.sync(() => send({ publish: subject, payload })),
    subscribe: (subject, listen) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const known = listeners.get(subject) ?? new Set();
          listeners.set(subject, known.add(listen));
        }),
        () => Effect.sync(() => listeners.get(subject)?.delete(listen)),
      ),
    onClosed: (end) => void (closed ? end() : ends.push(end)),
  };
  return pipe;
});
