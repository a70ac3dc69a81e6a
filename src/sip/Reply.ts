/** Responses to a request (RFC 3261 section 8.2.6). */
import * as Address from "./Address.ts";
import type { ReplyParts } from "./Message.ts";
import * as Printer from "./Printer.ts";

export interface Reply {
  readonly status: number;
  readonly reason?: string | undefined;
  /** Added when the request's To has none; never in a 100 (section 17.2.1). */
  readonly toTag?: string | undefined;
  /** After those that every response repeats. */
  readonly fields?: ReadonlyArray<Printer.HeaderField> | undefined;
  readonly body?: string | undefined;
}

/** A To value with this tag, unless it has one or cannot be read. */
export const withTag = (to: string, tag: string): string => {
  const address = Address.parse(to);
  return address === undefined || address.tag !== undefined ? to : `${to};tag=${tag}`;
};

/** Via, From, To, Call-ID and CSeq of the request, and what the reply adds. */
const fields = (parts: ReplyParts, reply: Reply): ReadonlyArray<Printer.HeaderField> => {
  const trying = reply.status === 100;
  const to = reply.toTag === undefined || trying ? parts.to : withTag(parts.to, reply.toTag);
  const all: Array<Printer.HeaderField> = parts.vias.map((via) => ["Via", via]);
  all.push(["From", parts.from], ["To", to], ["Call-ID", parts.callId], ["CSeq", parts.cseq]);
  if (trying && parts.timestamp !== undefined) all.push(["Timestamp", parts.timestamp]);
  if (reply.fields !== undefined) all.push(...reply.fields);
  return all;
};

/** The response as it leaves. */
export const print = (parts: ReplyParts, reply: Reply): string =>
  Printer.response({
    status: reply.status,
    reason: reply.reason,
    fields: fields(parts, reply),
    body: reply.body,
  });
