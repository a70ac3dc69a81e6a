/**
 * Messages out of a byte stream (RFC 3261 section 18.3, RFC 5626 section 3.5.1). The parser of
 * datagrams reads the head, so that both agree on what Content-Length says; after the first octet
 * that cannot be understood nothing of the stream is, because nobody knows where a message begins.
 */
import * as Limits from "./Limits.ts";
import type { Malformed, Message } from "./Message.ts";
import * as Parser from "./Parser.ts";
import * as Text from "../kernel/Text.ts";

export type Output =
  | { readonly kind: "message"; readonly message: Message }
  /** Two line ends: answer with one. Several in one chunk count as one. */
  | { readonly kind: "ping" }
  /** Answer if `malformed.reply` is there, then close: the stream cannot be read any further. */
  | { readonly kind: "broken"; readonly malformed: Malformed };

export interface Framer {
  /** Takes the next octets; the array may be reused afterwards. */
  readonly push: (chunk: Uint8Array) => ReadonlyArray<Output>;
  /** True inside a message: what stays so for long is a peer that holds a connection hostage. */
  readonly pending: () => boolean;
}

const CR = 13;
const LF = 10;
const firstCapacity = 2_048;

const ping: Output = { kind: "ping" };
const none = new Uint8Array(0);

/** A framer for one connection. */
export const make = (limits: Limits.Limits = Limits.defaults): Framer => {
  const stream = new Stream(limits);
  return { push: (chunk) => stream.push(chunk), pending: () => stream.pending() };
};

class Stream {
  readonly limits: Limits.Limits;
  /** Octets that are not taken yet are in [start, end): the caller's chunk, or our own copy. */
  buffer: Uint8Array = none;
  start = 0;
  end = 0;
  /** No empty line ends before this index: no octet is looked at twice, however they arrive. */
  scanned = 0;
  /** A head that waits for its body. */
  head: Message | undefined = undefined;
  broken = false;
  outputs: Array<Output> = [];

  constructor(limits: Limits.Limits) {
    this.limits = limits;
  }

  push(chunk: Uint8Array): ReadonlyArray<Output> {
    this.outputs = [];
    if (this.broken) return this.outputs;
    const held = this.end > this.start;
    if (held) this.append(chunk);
    else this.rest(chunk, 0, chunk.length);
    while (!this.broken && (this.head === undefined ? this.takeHead() : this.takeBody(this.head)));
    // An idle connection keeps no buffer, and nobody keeps the caller's array.
    if (this.start === this.end || this.broken) this.rest(none, 0, 0);
    else if (!held) this.rest(this.buffer.slice(this.start, this.end), 0, this.end - this.start);
    return this.outputs;
  }

  pending(): boolean {
    const { buffer, end, start } = this;
    if (this.head !== undefined || end - start > 3) return true;
    // Less may be the beginning of a ping, which is no message.
    for (let i = start; i < end; i++) {
      if (buffer[i] !== ((i - start) % 2 === 0 ? CR : LF)) return true;
    }
    return false;
  }

  rest(buffer: Uint8Array, start: number, end: number): void {
    this.buffer = buffer;
    this.scanned = Math.max(0, this.scanned - this.start);
    this.start = start;
    this.end = end;
  }

  /** Our own copy grows by doubling, so that the copies of many small chunks add up to little. */
  append(chunk: Uint8Array): void {
    const held = this.end - this.start;
    if (this.end + chunk.length > this.buffer.length) {
      const grown = new Uint8Array(Math.max(firstCapacity, 2 * (held + chunk.length)));
      grown.set(this.buffer.subarray(this.start, this.end));
      this.rest(grown, 0, held);
    }
    this.buffer.set(chunk, this.end);
    this.end += chunk.length;
  }

  /** True when something was taken and more may be there. */
  takeHead(): boolean {
    if (this.takeLineEnds()) return true;
    const { buffer, end, limits, start } = this;
    for (let i = Math.max(this.scanned, start + 3); i < end; i++) {
      if (
        buffer[i] === LF && buffer[i - 1] === CR && buffer[i - 2] === LF && buffer[i - 3] === CR
      ) {
        return this.takeMessage(i + 1);
      }
    }
    this.scanned = end;
    if (end - start > limits.head) {
      return this.breakAt(limits.head, 513, `headers of more than ${limits.head} octets`);
    }
    return false;
  }

  /** Line ends before a message are ignored (section 7.5); two of them ask for an answer. */
  takeLineEnds(): boolean {
    const { buffer, end } = this;
    if (end - this.start < 2 || buffer[this.start] !== CR || buffer[this.start + 1] !== LF) {
      return false;
    }
    if (end - this.start >= 4 && buffer[this.start + 2] === CR && buffer[this.start + 3] === LF) {
      if (this.outputs.at(-1) !== ping) this.outputs.push(ping);
      this.start += 4;
      return true;
    }
    // Half a ping, or one line end before a message: the next octets tell.
    if (end - this.start === 2 || (end - this.start === 3 && buffer[this.start + 2] === CR)) {
      return false;
    }
    this.start += 2;
    return true;
  }

  takeMessage(headEnd: number): boolean {
    const parsed = Parser.parse(this.buffer.subarray(this.start, headEnd), this.limits, "head");
    if (parsed.kind === "malformed") return this.break(parsed);
    this.start = headEnd;
    this.scanned = headEnd;
    // Line ends alone were taken before, so this is a message.
    if (parsed.kind !== "keepAlive") this.head = parsed;
    return true;
  }

  takeBody(head: Message): boolean {
    const length = head.contentLength ?? 0;
    if (this.end - this.start < length) return false;
    const bodyEnd = this.start + length;
    const message = length === 0
      ? head
      : Parser.complete(head, Text.fromBytes(this.buffer, this.start, bodyEnd));
    this.outputs.push({ kind: "message", message });
    this.start = bodyEnd;
    this.scanned = bodyEnd;
    this.head = undefined;
    return true;
  }

  breakAt(octets: number, status: number, reason: string): false {
    const part = this.buffer.subarray(this.start, this.start + octets);
    return this.break(Parser.refuse(part, status, reason, this.limits));
  }

  break(malformed: Malformed): false {
    this.broken = true;
    this.outputs.push({ kind: "broken", malformed });
    return false;
  }
}
