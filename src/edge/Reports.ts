/** Responses to the core's INVITEs, and what else befell them, as commands to the call. */
import { Result } from "effect";
import type { CallCommand } from "../../schemas/Call.ts";
import type { Reply } from "../../schemas/Reply.ts";
import * as RoutingTag from "../kernel/RoutingTag.ts";
import * as Text from "../kernel/Text.ts";
import * as SdpParse from "../sdp/Parse.ts";
import * as Dialog from "../sip/Dialog.ts";
import * as Header from "../sip/Header.ts";
import type { Response } from "../sip/Message.ts";
import { callActor, type LegId } from "../../schemas/Ids.ts";
import { type Context, flowOf, traced } from "./Context.ts";
import type { To } from "./CoreLink.ts";
import type { Source } from "./Flows.ts";
import { carriedHeaders, commandId, userAtHost } from "./Identity.ts";

/** As long as SIP itself would repeat what is reported. */
const deadlineMs = 32_000;

export const callOf = (to: To): string => to.actor.slice("call/".length);

const sdpOf = ({ body, contentType }: Response): string | null =>
  body !== "" && contentType !== undefined &&
    Header.mediaType(contentType) === "application/sdp" &&
    Result.isSuccess(SdpParse.parse(body))
    ? Text.flat(body)
    : null;

const flatOrNull = (text: string | undefined): string | null =>
  text === undefined ? null : Text.flat(text);

/** What every report of a response tells. */
const learned = (context: Context, leg: LegId, response: Response, source: Source) => ({
  leg,
  cseq: response.cseq,
  status: response.status,
  reason: response.reason.slice(0, 128),
  remoteTag: Text.flat(response.to.tag ?? ""),
  contact: flatOrNull(Dialog.remoteTarget(response)),
  routeSet: (Dialog.routeSet(response) ?? []).map(Text.flat),
  headers: carriedHeaders(response),
  sdp: sdpOf(response),
  flow: flowOf(context, source),
});

const commandOf = (
  context: Context,
  leg: LegId,
  response: Response,
  source: Source,
): CallCommand => {
  const common = learned(context, leg, response, source);
  if (response.status < 200) return { _tag: "ReportProgress", ...common };
  if (response.status < 300) return { _tag: "ReportAnswer", ...common };
  const contacts = response.status < 400 ? Header.contacts(response) : undefined;
  // We are in From with our domain: the numbers of other domains are not ours.
  const { host: domain } = userAtHost(response.from.uri);
  const redirectedTo = contacts === undefined || contacts === "*"
    ? []
    : contacts.map(({ uri }) => userAtHost(uri))
      .filter(({ host, user }) => user !== "" && context.realms.isHere(host, domain))
      .map(({ user }) => user)
      .slice(0, 16);
  return { _tag: "ReportRefusal", ...common, redirectedTo };
};

/** Sends a report about one response; the id is the same when the response comes again. */
export const response = (
  context: Context,
  to: To,
  leg: LegId,
  received: Response,
  source: Source,
  answered: (reply: Reply | undefined) => void = () => {},
): void => {
  const command = commandOf(context, leg, received, source);
  const line = `SIP/2.0 ${received.status} ${received.reason}`;
  traced(context, callOf(to), "in", source, line, `${received.cseq} ${received.cseqMethod}`);
  const { via, to: { tag = "" } } = received;
  const name = `${via.branch ?? ""} ${received.status} ${tag} ${command._tag}`;
  const id = commandId("report", `${name} ${"sdp" in command && command.sdp !== null}`);
  context.core.send(to, id, command, deadlineMs, answered);
};

/** Sends a report that is no response. */
export const event = (context: Context, to: To, name: string, command: CallCommand): void =>
  context.core.send(to, commandId("event", name), command, deadlineMs, () => {});

/** The call and leg that a response of a forgotten request belongs to, by our tag in From. */
export const ownerOf = (
  context: Context,
  received: Response,
): { readonly to: To; readonly leg: LegId } | undefined => {
  const tag = RoutingTag.read(context.routing, received.from.tag ?? "");
  if (tag === undefined || tag.fork) return undefined;
  const { call, cell, leg, shard } = tag;
  return { to: { cell, shard, actor: callActor(call), tenant: null }, leg };
};
