/**
 * Bus over a pair of byte streams: between a process and the child that it started. Both ends are
 * alike; what is served or subscribed on one can be asked for on the other.
 */
import type { Readable, Writable } from "node:stream";
import { Effect } from "effect";
import { Bus, BusTimeout, NoResponders, PayloadTooLarge } from "./Bus.ts";
import * as Doors from "./Doors.ts";
import * as Link from "./Link.ts";

export interface Pipe extends Readonly<Bus["Service"]>, Pick<Link.Link, "onClosed"> {}

const tooLarge = (subject: string, octets: number): PayloadTooLarge =>
  new PayloadTooLarge({ subject, octets, most: Link.maxFrameOctets });

/** What was asked of the other end and is not answered yet. */
const questions = ({ isClosed, send }: Link.Link) => {
  /** By their number; undefined: the other end is gone. */
  const waiting = new Map<number, (frame: Link.Frame | undefined) => void>();
  let last = 0;

  const request: Bus["Service"]["request"] = (subject, payload, timeoutMs) =>
    Effect.callback<unknown, NoResponders | BusTimeout | PayloadTooLarge>((resume) => {
      if (isClosed()) return resume(Effect.fail(new NoResponders({ subject })));
      const id = ++last;
      const octets = send({ ask: id, subject, payload });
      if (octets !== undefined) return resume(Effect.fail(tooLarge(subject, octets)));
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

  return {
    request,
    settle: (id: number, frame: Link.Frame): void => {
      waiting.get(id)?.(frame);
      waiting.delete(id);
    },
    abandon: (): void => {
      for (const resume of waiting.values()) resume(undefined);
      waiting.clear();
    },
  };
};

export const make = Effect.fnUntraced(function* (input: Readable, output: Writable) {
  const run = Effect.runForkWith(yield* Effect.context<never>());
  const doors = Doors.make(run);

  const take = (frame: Link.Frame): void => {
    if ("ask" in frame) {
      const { ask, payload, subject } = frame;
      const answer = doors.server(subject);
      if (answer === undefined) return void link.send({ unserved: ask });
      const answered = Effect.flatMap(
        Effect.suspend(() => answer(payload)),
        (payload) => sendOrLog(subject, { answer: ask, payload }),
      );
      run(Effect.catchCause(answered, (cause) => Effect.logError(`server of ${subject}`, cause)));
    } else if ("publish" in frame) {
      doors.tell(frame.publish, frame.payload);
    } else if ("answer" in frame || "unserved" in frame) {
      asked.settle("answer" in frame ? frame.answer : frame.unserved, frame);
    }
  };
  const link = yield* Link.open(input, output, take);
  const asked = questions(link);
  link.onClosed(asked.abandon);
  const sendOrLog = (subject: string, frame: Link.Frame) =>
    Effect.suspend(() => {
      const octets = link.send(frame);
      return octets === undefined
        ? Effect.void
        : Effect.logError("a message was not sent", tooLarge(subject, octets));
    });

  const pipe: Pipe = {
    request: asked.request,
    serve: doors.serve,
    publish: (subject, payload) => sendOrLog(subject, { publish: subject, payload }),
    subscribe: doors.subscribe,
    onClosed: link.onClosed,
  };
  return pipe;
});
