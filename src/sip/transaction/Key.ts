/**
 * Which transaction a message belongs to (RFC 3261 sections 17.1.3 and 17.2.3), as a text of at
 * most 840 octets that is equal exactly when the transaction is. Parts are joined by a space, which
 * none of them contains.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Request, Response } from "../Message.ts";
import * as Text from "../../kernel/Text.ts";
import * as Via from "../Via.ts";

/** The method that made the transaction: an ACK to a non-2xx belongs to its INVITE's. */
const methodOf = (request: Request): string => request.method === "ACK" ? "INVITE" : request.method;

const modern = (via: Via.Via, method: string): string =>
  `${via.branch} ${via.host.toLowerCase()}:${via.port ?? ""} ${method}`;

/**
 * RFC 2543 peers reuse or omit branches: what else must be equal is in section 17.2.3. It can be
 * long, so that its hash is the key.
 */
const legacy = (request: Request, method: string, toTag: string | undefined): string => {
  const { callId, cseq, from, uri, via } = request;
  const parts = [method, uri, toTag ?? "", from.tag ?? "", callId, cseq, via.text].join(" ");
  return `2543 ${bytesToHex(sha256(Text.toBytes(parts)))}`;
};

const key = (request: Request, method: string): string =>
  Text.flat(
    Via.hasCookie(request.via)
      ? modern(request.via, method)
      : legacy(request, method, request.to.tag),
  );

/**
 * The server transaction of a request. An ACK gets the key of the INVITE that it acknowledges; the
 * ACK to a 2xx has a branch of its own and so finds none.
 */
export const server = (request: Request): string => key(request, methodOf(request));

/**
 * Where else to look for the INVITE of an ACK from an RFC 2543 peer: the INVITE had no To tag, the
 * ACK has that of our response. What is found there matches if it answered with this very tag.
 */
export const untagged = (ack: Request): string | undefined =>
  ack.method !== "ACK" || ack.to.tag === undefined || Via.hasCookie(ack.via)
    ? undefined
    : Text.flat(legacy(ack, "INVITE", undefined));

/** The server transaction that a CANCEL cancels (section 9.2). */
export const cancelled = (cancel: Request): string => key(cancel, "INVITE");

/** The client transaction of a request that we send. */
export const client = (branch: string, method: string): string => `${branch} ${method}`;

/** The client transaction that a response belongs to; `undefined` without a branch. */
export const answered = (response: Response): string | undefined =>
  response.via.branch === undefined ? undefined : client(response.via.branch, response.cseqMethod);
