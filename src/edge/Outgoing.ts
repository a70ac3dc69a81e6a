/** Effects as messages: what the core decided, with the names and addresses of this edge. */
import type { EdgeEffect } from "../../schemas/Effect.ts";
import type { Transport } from "../../schemas/Sip.ts";
import * as Dialog from "../sip/Dialog.ts";
import type { HeaderField, RequestParts } from "../sip/Printer.ts";
import * as Printer from "../sip/Printer.ts";
import * as Uri from "../sip/Uri.ts";
import { capabilities, contact, type Context, via } from "./Context.ts";

type Of<Tag extends EdgeEffect["_tag"]> = Extract<EdgeEffect, { _tag: Tag }>;
type AnyRequest = Of<"SendRequest" | "SendCancel" | "SendAck">;

const sdpType: HeaderField = ["Content-Type", "application/sdp"];

/** A registered contact may carry headers: none of them gets into a request (RFC 3261 19.1.5). */
const targetOf = (text: string): string => {
  const uri = Uri.parse(text);
  const target = uri === undefined ? undefined : Uri.requestTarget(uri);
  return target === undefined || target === uri ? text : Uri.print(target);
};

/** Start line, names of headers, and the headers that are the same in each request. */
const fixedOctets = 400;

const lengthOf = (texts: ReadonlyArray<string>, each: number): number =>
  texts.reduce((sum, text) => sum + text.length + each, 0);

/** Octets of a request as it will be printed: a few more rather than less. */
export const octetsOf = (effect: AnyRequest): number => {
  const { branch, callId, from, routeSet, target, to } = effect;
  const own = effect._tag === "SendRequest"
    ? 3 * effect.contactUser.length + lengthOf(effect.headers.map(([name]) => name), 4) +
      lengthOf(effect.headers.map(([, value]) => value), 0)
    : 0;
  const sdp = effect._tag === "SendCancel" ? null : effect.sdp;
  return fixedOctets + lengthOf([branch, callId, from, target, to], 0) +
    lengthOf(routeSet, "Route: <>\r\n".length) + own + (sdp?.length ?? 0);
};

const common = (
  context: Context,
  effect: AnyRequest,
  transport: Transport,
  method: string,
  maxForwards: number,
): { readonly uri: string; readonly fields: Array<HeaderField> } => {
  const { requestUri, routes } = Dialog.path(effect.routeSet, targetOf(effect.target));
  const fields: Array<HeaderField> = [
    ["Via", via(context, transport, effect.branch)],
    ["Max-Forwards", String(maxForwards)],
    ...routes.map((route): HeaderField => ["Route", `<${route}>`]),
    ["From", effect.from],
    ["To", effect.to],
    ["Call-ID", effect.callId],
    ["CSeq", `${effect.cseq} ${method}`],
  ];
  return { uri: requestUri, fields };
};

const withBody = (
  method: string,
  uri: string,
  fields: Array<HeaderField>,
  sdp: string | null,
): RequestParts => {
  if (sdp === null) return { method, uri, fields };
  fields.push(sdpType);
  return { method, uri, fields, body: sdp };
};

export const request = (
  context: Context,
  effect: Of<"SendRequest">,
  transport: Transport,
): RequestParts => {
  const { contactUser, headers, maxForwards, method, sdp } = effect;
  const { fields, uri } = common(context, effect, transport, method, maxForwards);
  if (method === "INVITE") {
    fields.push(["Contact", contact(context, transport, contactUser)], ...capabilities);
  }
  fields.push(...headers);
  return withBody(method, uri, fields, sdp);
};

export const ack = (
  context: Context,
  effect: Of<"SendAck">,
  transport: Transport,
): RequestParts => {
  const { fields, uri } = common(context, effect, transport, "ACK", 70);
  return withBody("ACK", uri, fields, effect.sdp);
};

/** CANCEL without its INVITE's transaction at hand: another edge had it, or an earlier life. */
export const cancel = (
  context: Context,
  effect: Of<"SendCancel">,
  transport: Transport,
): RequestParts => {
  const { fields, uri } = common(context, effect, transport, "CANCEL", 70);
  if (effect.sentBy !== null) {
    const [, value] = fields[0]!;
    const protocol = value.slice(0, value.indexOf(" "));
    fields[0] = ["Via", `${protocol} ${effect.sentBy};branch=${effect.branch};rport`];
  }
  if (effect.reason !== null) fields.push(["Reason", effect.reason]);
  return { method: "CANCEL", uri, fields };
};

/** Headers after those that every response repeats. */
const responseFields = (
  context: Context,
  effect: Of<"SendResponse">,
): ReadonlyArray<HeaderField> => {
  const { contactUser, headers, path, sdp, status } = effect;
  const fields: Array<HeaderField> = [];
  // RFC 3261 12.1.1: whatever makes or keeps a dialog.
  if (status > 100 && status < 300) {
    for (const value of path.recordRoutes) fields.push(["Record-Route", value]);
    if (contactUser !== null) {
      fields.push(["Contact", contact(context, path.flow.transport, contactUser)]);
    }
  }
  if (status >= 200 && status < 300) fields.push(...capabilities);
  fields.push(...headers);
  if (sdp !== null) fields.push(sdpType);
  return fields;
};

/** A response from nothing but its path: the request may have come to another edge. */
export const response = (context: Context, effect: Of<"SendResponse">): string => {
  const { path, reason, sdp, status, toTag } = effect;
  const fields: Array<HeaderField> = [
    ...path.vias.map((value): HeaderField => ["Via", value]),
    ["From", path.from],
    ["To", toTag === null ? path.to : `${path.to};tag=${toTag}`],
    ["Call-ID", path.callId],
    ["CSeq", `${path.cseq} ${path.method}`],
    ...responseFields(context, effect),
  ];
  return Printer.response({
    status,
    ...(reason === null ? {} : { reason }),
    fields,
    ...(sdp === null ? {} : { body: sdp }),
  });
};
