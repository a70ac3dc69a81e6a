/**
 * Bus over a pair of byte streams, one JSON value a line: between a process and the child that it
 * started. Both ends are alike; what is served or subscribed on one can be asked for on the other.
 */
import type { Readable, Writable } from "node:stream";
import { setImmediate } from "node:timers";
import { Effect } from "effect";
import { Bus, BusTimeout, NoResponders, PayloadTooLarge } from "./Bus.ts";
import * as Doors from "./Doors.ts";
import * as Lines from "./Lines.ts";

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

export interface Pipe extends Readonly<Bus["Service"]> {
  /** Runs once when the other end is gone. */
  readonly onClosed: (run: () => void) => void;
}

/** Frames that may wait for the other end to read; above that it counts as gone. */
const mostUnreadOctets = 64 * 1024 * 1024;
/** A longer frame is not sent; whoever sends one is none of ours, and counts as gone. */
export const maxFrameOctets = 4 * 1024 * 1024;

export const make = Effect.fnUntraced(function* (input: Readable, output: Writable) {
  const run = Effect.runForkWith(yield* Effect.context<never>());
  const doors = Doors.make(run);
  const waiting = new Map<number, (frame: Frame | undefined) => void>();
  const ends: Array<() => void> = [];
  let last = 0;
  let closed = false;

  const close = (): void => {
    if (closed) return;
    closed = true;
    input.off("data", read);
    input.pause();
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
  /** The frame's octets when they are too many: then it is not sent. */
  const send = (frame: Frame): number | undefined => {
    if (closed) return undefined;
    const text = JSON.stringify(frame);
    const octets = 3 * text.length > maxFrameOctets ? Buffer.byteLength(text) : 0;
    if (octets > maxFrameOctets) return octets;
    if (unsent === "") setImmediate(flush);
    unsent += text + "\n";
    return undefined;
  };
  const sendOrLog = (subject: string, frame: Frame) =>
    Effect.suspend(() => {
      const octets = send(frame);
      if (octets === undefined) return Effect.void;
      const failed = new PayloadTooLarge({ subject, octets, most: maxFrameOctets });
      return Effect.logError("a message was not sent", failed);
    });

  const take = (line: string): void => {
    const frame = closed ? undefined : decode(line);
    if (frame === undefined) return;
    if ("ask" in frame) {
      const { ask, payload, subject } = frame;
      const answer = doors.server(subject);
      if (answer === undefined) return void send({ unserved: ask });
      const answered = Effect.flatMap(
        Effect.suspend(() => answer(payload)),
        (payload) => sendOrLog(subject, { answer: ask, payload }),
      );
      run(Effect.catchCause(answered, (cause) => Effect.logError(`server of ${subject}`, cause)));
    } else if ("publish" in frame) {
      doors.tell(frame.publish, frame.payload);
    } else if ("answer" in frame || "unserved" in frame) {
      const id = "answer" in frame ? frame.answer : frame.unserved;
      waiting.get(id)?.(frame);
      waiting.delete(id);
    }
  };
  const read = Lines.reader(maxFrameOctets, take, close);
  input.on("data", read);
  for (const event of ["end", "close", "error"]) input.on(event, close);
  output.on("error", close);
  yield* Effect.addFinalizer(() => Effect.sync(close));

  const request: Bus["Service"]["request"] = (subject, payload, timeoutMs) =>
    Effect.callback<unknown, NoResponders | BusTimeout | PayloadTooLarge>((resume) => {
      if (closed) return resume(Effect.fail(new NoResponders({ subject })));
      const id = ++last;
      const octets = send({ ask: id, subject, payload });
      if (octets !== undefined) {
        return resume(Effect.fail(new PayloadTooLarge({ subject, octets, most: maxFrameOctets })));
      }
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
      return Effect.sync(() => {
        clearTimeout(timer);
        waiting.delete(id);
      });
    });

  const pipe: Pipe = {
    request,
    serve: doors.serve,
    publish: (subject, payload) => sendOrLog(subject, { publish: subject, payload }),
    subscribe: doors.subscribe,
    onClosed: (end) => void (closed ? end() : ends.push(end)),
  };
  return pipe;
});
