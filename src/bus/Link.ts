/**
 * Frames over a pair of byte streams, one JSON value a line, until either end is gone. What a frame
 * asks for is `Pipe`'s.
 */
import type { Readable, Writable } from "node:stream";
import { setImmediate } from "node:timers";
import { Effect } from "effect";
import * as Lines from "./Lines.ts";

export type Frame =
  | { readonly ask: number; readonly subject: string; readonly payload: unknown }
  | { readonly answer: number; readonly payload?: unknown }
  | { readonly unserved: number }
  | { readonly publish: string; readonly payload: unknown };

export interface Link {
  readonly isClosed: () => boolean;
  /** The frame's octets when they are too many: then it is not sent. */
  readonly send: (frame: Frame) => number | undefined;
  /** Runs once when the other end is gone. */
  readonly onClosed: (run: () => void) => void;
}

/** Frames that may wait for the other end to read; above that it counts as gone. */
const mostUnreadOctets = 64 * 1024 * 1024;
/** A longer frame is not sent; whoever sends one is none of ours, and counts as gone. */
export const maxFrameOctets = 4 * 1024 * 1024;

/** The other end is our own program: only the shape is looked at, payloads are their readers'. */
const decode = (line: string): Frame | undefined => {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? value as Frame : undefined;
  } catch {
    return undefined;
  }
};

/** `take` gets every frame of the other end, in order; the link closes with the scope. */
export const open = Effect.fnUntraced(function* (
  input: Readable,
  output: Writable,
  take: (frame: Frame) => void,
) {
  const ends: Array<() => void> = [];
  let closed = false;
  let unsent = "";

  const close = (): void => {
    if (closed) return;
    closed = true;
    input.off("data", read);
    input.pause();
    for (const end of ends) end();
  };
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
  const read = Lines.reader(maxFrameOctets, (line) => {
    const frame = closed ? undefined : decode(line);
    if (frame !== undefined) take(frame);
  }, close);
  input.on("data", read);
  for (const event of ["end", "close", "error"]) input.on(event, close);
  output.on("error", close);
  yield* Effect.addFinalizer(() => Effect.sync(close));

  const link: Link = {
    isClosed: () => closed,
    send: (frame) => {
      if (closed) return undefined;
      const text = JSON.stringify(frame);
      const octets = 3 * text.length > maxFrameOctets ? Buffer.byteLength(text) : 0;
      if (octets > maxFrameOctets) return octets;
      if (unsent === "") setImmediate(flush);
      unsent += text + "\n";
      return undefined;
    },
    onClosed: (end) => void (closed ? end() : ends.push(end)),
  };
  return link;
});
