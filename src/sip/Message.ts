/** Messages (RFC 3261 section 7) as the parser gives them. */
import type { Address } from "./Address.ts";
import * as HeaderName from "./HeaderName.ts";
import { unfold } from "./Syntax.ts";
import type { Via } from "./Via.ts";

/** What every dialog and transaction needs is read at once; other headers wait in `fields`. */
interface Common {
  /** Start line and headers as they came; for a datagram the body as well. */
  readonly text: string;
  /** Where each header is in `text`: five numbers for each, see `fieldSize`. */
  readonly fields: ReadonlyArray<number>;
  /** The topmost Via. */
  readonly via: Via;
  readonly from: Address;
  readonly to: Address;
  readonly callId: string;
  readonly cseq: number;
  readonly cseqMethod: string;
  readonly maxForwards: number | undefined;
  readonly contentLength: number | undefined;
  /** The whole value, parameters included. */
  readonly contentType: string | undefined;
  readonly body: string;
}

export interface Request extends Common {
  readonly kind: "request";
  readonly method: string;
  /** The Request-URI as it was written; `Uri.parse` reads it. */
  readonly uri: string;
}

export interface Response extends Common {
  readonly kind: "response";
  readonly status: number;
  readonly reason: string;
}

export type Message = Request | Response;

/** Only line ends: a keep-alive (RFC 5626 section 3.5.1). A ping is answered by one CRLF. */
export interface KeepAlive {
  readonly kind: "keepAlive";
  readonly ping: boolean;
}

/** The headers of a request that its answer repeats (RFC 3261 section 8.2.6.2), as values. */
export interface ReplyParts {
  /** Topmost first; an element may be a list. */
  readonly vias: ReadonlyArray<string>;
  readonly via: Via;
  readonly from: string;
  readonly to: string;
  readonly callId: string;
  /** Number and method as they were written. */
  readonly cseq: string;
  /** For the 100 (section 8.2.6.1). */
  readonly timestamp: string | undefined;
}

/** What cannot be read, with the answer that it deserves. */
export interface Malformed {
  readonly kind: "malformed";
  readonly status: number;
  /** Names the cause, in words of this library only. */
  readonly reason: string;
  /** There when an answer is due and can be routed: never for a response or an ACK. */
  readonly reply: ReplyParts | undefined;
}

export type Parsed = Message | KeepAlive | Malformed;

/** A header: found, not yet read. */
export interface Field {
  /** Canonical: long form, lower case. */
  readonly name: string;
  readonly rawName: string;
  /** Without white space at its ends; folds inside as they were written. */
  readonly rawValue: string;
  /** One line. */
  readonly value: string;
}

/** For each header in `fields`: id * 2 + folded, name start and end, value start and end. */
export const fieldSize = 5;

const idOf: ReadonlyMap<string, number> = new Map(
  HeaderName.known.map((name, id): [string, number] => [name, id]).slice(1),
);

const valueAt = (message: Common, at: number): string => {
  const raw = message.text.slice(message.fields[at + 3], message.fields[at + 4]);
  return (message.fields[at]! & 1) === 1 ? unfold(raw) : raw;
};

const matches = (message: Common, at: number, id: number, name: string): boolean => {
  if (message.fields[at]! >> 1 !== id) return false;
  if (id !== 0) return true;
  const start = message.fields[at + 1]!;
  const end = message.fields[at + 2]!;
  return end - start === name.length && message.text.slice(start, end).toLowerCase() === name;
};

/** Values of all headers of this canonical name, in order; lists are not taken apart. */
export const values = (message: Message, name: string): ReadonlyArray<string> => {
  const id = idOf.get(name) ?? 0;
  const all: Array<string> = [];
  for (let at = 0; at < message.fields.length; at += fieldSize) {
    if (matches(message, at, id, name)) all.push(valueAt(message, at));
  }
  return all;
};

/** The value of the first header of this canonical name. */
export const first = (message: Message, name: string): string | undefined => {
  const id = idOf.get(name) ?? 0;
  for (let at = 0; at < message.fields.length; at += fieldSize) {
    if (matches(message, at, id, name)) return valueAt(message, at);
  }
  return undefined;
};

/** All headers in order. */
export const fields = (message: Message): ReadonlyArray<Field> => {
  const all: Array<Field> = [];
  for (let at = 0; at < message.fields.length; at += fieldSize) {
    const rawName = message.text.slice(message.fields[at + 1], message.fields[at + 2]);
    const id = message.fields[at]! >> 1;
    const rawValue = message.text.slice(message.fields[at + 3], message.fields[at + 4]);
    all.push({
      name: id === 0 ? rawName.toLowerCase() : HeaderName.known[id]!,
      rawName,
      rawValue,
      value: valueAt(message, at),
    });
  }
  return all;
};

/** What the answer to this request repeats. */
export const replyParts = (request: Request): ReplyParts => ({
  vias: values(request, "via"),
  via: request.via,
  from: first(request, "from")!,
  to: first(request, "to")!,
  callId: request.callId,
  cseq: `${request.cseq} ${request.cseqMethod}`,
  timestamp: first(request, "timestamp"),
});
