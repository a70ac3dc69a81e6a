/** Replies of the core, and refusals of the edge itself, as responses. */
import type { Reply } from "../../schemas/Reply.ts";
import * as Digest from "../sip/Digest.ts";
import type { ReplyParts } from "../sip/Message.ts";
import type { HeaderField } from "../sip/Printer.ts";
import * as SipReply from "../sip/Reply.ts";
import * as Status from "../sip/Status.ts";
import { capabilities, type Context, traced } from "./Context.ts";
import type { Source } from "./Flows.ts";
import type { Decider } from "./Refusals.ts";
import type { Server } from "./Transactions.ts";

/** One request that waits for its answer. */
export interface Pending {
  readonly server: Server;
  readonly parts: ReplyParts;
  readonly source: Source;
}

export interface Answer {
  readonly status: number;
  readonly reason?: string | undefined;
  readonly fields?: ReadonlyArray<HeaderField>;
  /** What a refusal is counted under, where the reason phrase does not say it. */
  readonly cause?: string;
  readonly by?: Decider;
  /**
   * Sent once, nothing is kept of the request: challenges, so that a flood of requests that nobody
   * has signed costs no memory and is not answered tenfold (RFC 3261 section 26.3.2.4).
   */
  readonly once?: true;
}

const retryAfterSeconds = (ms: number): string => String(Math.max(1, Math.ceil(ms / 1_000)));

/**
 * Tag of responses that make no dialog: one for each edge and request is enough (RFC 3261 8.2.6.2).
 */
const statelessTag = ({ incarnation }: Context, { callId }: ReplyParts): string =>
  `${incarnation}${callId.length}`;

/** True for the tag of a response of this edge that made no dialog: its ACK ends nothing. */
export const isStateless = ({ incarnation }: Context, tag: string): boolean =>
  tag.startsWith(incarnation);

export const text = (context: Context, parts: ReplyParts, answer: Answer): string =>
  SipReply.print(parts, {
    status: answer.status,
    ...(answer.reason === undefined ? {} : { reason: answer.reason }),
    toTag: statelessTag(context, parts),
    fields: answer.fields,
  });

/** Sends a final (or 100) response through the request's transaction. */
export const respond = (context: Context, pending: Pending, answer: Answer): void => {
  const { parts, server, source } = pending;
  context.refusals.count(answer.by ?? "edge", answer.status, answer.cause ?? answer.reason);
  // After a 100 the peer waits, and would wait for ever for an answer that is lost.
  if (answer.once === true && server.last === undefined) {
    return context.transactions.answerOnce(server, text(context, parts, answer));
  }
  if (server.call !== undefined) {
    const line = `SIP/2.0 ${answer.status} ${answer.reason ?? Status.phrase(answer.status)}`;
    traced(context, server.call, "out", source, line, parts.cseq);
  }
  context.transactions.respond(server, answer.status, text(context, parts, answer));
};

/** Nobody answered in time: a retry may find somebody (RFC 3261 21.5.4). */
const unanswered: Answer = {
  status: 503,
  fields: [["Retry-After", "5"]],
  cause: "no core answered",
};

/**
 * The answer that a reply of the core stands for; undefined: effects will follow. `isSigned` says
 * whether the request brought credentials.
 */
export const answerOf = (
  reply: Reply | undefined,
  isSigned: () => boolean,
): Answer | undefined => {
  if (reply === undefined) return unanswered;
  const by = "core";
  switch (reply._tag) {
    case "Accepted":
      return undefined;
    case "Answered": {
      const { headers, reason, status } = reply;
      const fields = status === 405 ? [...capabilities, ...headers] : headers;
      return { status, ...(reason === null ? {} : { reason }), fields, by };
    }
    case "Challenged": {
      const { algorithms, nonce, realm, stale } = reply;
      const fields = algorithms.map((algorithm): HeaderField => [
        "WWW-Authenticate",
        Digest.challenge({ realm, nonce, algorithm, stale, opaque: undefined }),
      ]);
      const cause = stale ? "stale nonce" : isSigned() ? "wrong credentials" : "no credentials";
      return { status: 401, fields, cause, by, once: true };
    }
    case "Registered":
      return { status: 200, fields: registered(reply) };
    case "Overloaded":
      return {
        status: 503,
        fields: [["Retry-After", retryAfterSeconds(reply.retryAfterMs)]],
        cause: "core is overloaded",
        by,
      };
    default:
      return { status: 500, cause: `unexpected reply ${reply._tag}`, by };
  }
};

const registered = (
  { contacts, path }: Extract<Reply, { _tag: "Registered" }>,
): ReadonlyArray<HeaderField> => [
  ...contacts.map(({ expiresIn, q, uri }): HeaderField => [
    "Contact",
    `<${uri}>;expires=${expiresIn}${q === null ? "" : `;q=${q}`}`,
  ]),
  // RFC 3327 section 5.3.
  ...path.map((value): HeaderField => ["Path", `<${value}>`]),
  ["Supported", "path"],
];
