/** What a request says of itself, as bounded fields for the core. */
import type { HeaderField, Identity, RequestIdentity, ResponsePath } from "../../schemas/Sip.ts";
import * as Hash from "../kernel/Hash.ts";
import type { Address } from "../sip/Address.ts";
import * as Digest from "../sip/Digest.ts";
import * as Message from "../sip/Message.ts";
import * as Text from "../kernel/Text.ts";
import * as Key from "../sip/transaction/Key.ts";
import * as Uri from "../sip/Uri.ts";
import { type Context, flowOf } from "./Context.ts";
import type { Source } from "./Flows.ts";

const longestReason = 256;

/** The first Reason (RFC 3326), for the other side; a longer one is not worth a cut. */
export const reasonOf = (request: Message.Request): string | null => {
  const reason = Message.first(request, "reason");
  return reason === undefined || reason.length > longestReason ? null : Text.flat(reason);
};

export interface UserAtHost {
  readonly user: string;
  readonly host: string;
}

/** User and host of a URI as text; a `tel` URI has a number and no host. */
export const userAtHost = (text: string): UserAtHost => {
  const uri = Uri.parse(text);
  if (uri === undefined || uri.kind === "other") return { user: "", host: "" };
  const host = uri.kind === "sip" ? Text.flat(uri.host) : "";
  return { user: Text.flat(Uri.dialled(uri)), host };
};

/** For people: real text without controls, cut to what a display holds. */
export const identityOf = ({ display, uri }: Address): Identity => ({
  // deno-lint-ignore no-control-regex
  display: Text.decode(display).replace(/[\u0000-\u001f\u007f]/g, "").slice(0, 128),
  user: userAtHost(uri).user,
});

/** Where a request that made a server transaction is to be answered. */
export const pathOf = (
  context: Context,
  request: Message.Request,
  parts: Message.ReplyParts,
  source: Source,
): ResponsePath => ({
  transaction: Key.server(request),
  method: request.method,
  // Copies: a cut of the message would keep all of it for as long as the call lives.
  vias: parts.vias.map(Text.flat),
  from: Text.flat(parts.from),
  to: Text.flat(parts.to),
  callId: Text.flat(request.callId),
  cseq: request.cseq,
  recordRoutes: Message.values(request, "record-route").map(Text.flat),
  flow: flowOf(context, source),
});

/** `realm`: of the tenant, for which credentials count. */
export const requestIdentity = (
  context: Context,
  request: Message.Request,
  source: Source,
  realm: string,
): RequestIdentity => {
  const target = userAtHost(request.uri);
  const from = userAtHost(request.from.uri);
  const to = userAtHost(request.to.uri);
  const credentials = Digest.credentials(request, "authorization", realm) ??
    Digest.credentials(request, "proxy-authorization", realm);
  return {
    method: request.method,
    requestUser: target.user,
    requestHost: target.host,
    fromUser: from.user,
    fromHost: from.host,
    toUser: to.user,
    toHost: to.host,
    source: flowOf(context, source),
    digest: credentials?.kind === "answer" ? credentials.answer : null,
  };
};

/**
 * The same for every retransmission on every edge. Short, because it is made of what a peer chose;
 * 64 bits are enough where a collision can only confuse two messages of one sender to one actor.
 */
export const commandId = (prefix: string, text: string): string => `${prefix}/${Hash.name64(text)}`;

/**
 * Headers that a call carries from one side to the other. Everything else ends here, so that no
 * spelling of an internal header comes through.
 */
const carried: ReadonlyArray<readonly [canonical: string, name: string]> = [
  ["alert-info", "Alert-Info"],
  ["answer-mode", "Answer-Mode"],
  ["call-info", "Call-Info"],
  ["history-info", "History-Info"],
  ["p-early-media", "P-Early-Media"],
  ["priority", "Priority"],
  ["subject", "Subject"],
  ["user-to-user", "User-to-User"],
];
const mostCarried = 16;
const longestCarried = 1_024;

export const carriedHeaders = (message: Message.Message): ReadonlyArray<HeaderField> =>
  carried.flatMap(([canonical, name]) =>
    Message.values(message, canonical)
      .filter((value) => value.length <= longestCarried)
      .map((value): HeaderField => [name, Text.flat(value)])
  ).slice(0, mostCarried);

/** True for an IP address as it stands in a URI without brackets: digits and dots, or colons. */
export const isLiteral = (host: string): boolean => {
  for (let i = 0; i < host.length; i++) {
    const code = host.charCodeAt(i);
    if (code === 58) return true;
    if ((code < 48 || code > 57) && code !== 46) return false;
  }
  return true;
};

/** Contact and source differ, and no proxy stands between: only the flow reaches this peer. */
export const isNatted = (contact: string, routed: boolean, source: Source): boolean => {
  const uri = Uri.parse(contact);
  if (uri?.kind !== "sip") return false;
  if (source.transport === "wss" || uri.host.toLowerCase().endsWith(".invalid")) return true;
  const host = uri.host.startsWith("[") ? uri.host.slice(1, -1).toLowerCase() : uri.host;
  return !routed && isLiteral(host) && host !== source.remote.ip.toLowerCase();
};
