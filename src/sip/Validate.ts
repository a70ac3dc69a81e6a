/**
 * What a message means beyond its syntax (RFC 3261 section 8.2). Tolerated on purpose:
 * - without the magic cookie (an RFC 2543 peer) From may lack its tag and an INVITE its Contact;
 * - headers that nobody here reads may be malformed (section 8.2.2), Date among them.
 */
import * as Header from "./Header.ts";
import * as HeaderName from "./HeaderName.ts";
import * as List from "./List.ts";
import { fieldSize, first, type Message, type Request, type Response, values } from "./Message.ts";
import type { HeaderField } from "./Printer.ts";
import * as Uri from "./Uri.ts";
import * as Via from "./Via.ts";

/** What this element does; what it does not do is refused with the answer that says so. */
export interface Capabilities {
  /** Understood, if only to be refused with more than "not implemented". */
  readonly methods: ReadonlySet<string>;
  /** Served: what Allow may promise. */
  readonly allowed: ReadonlyArray<string>;
  /** Option tags, in lower case. */
  readonly extensions: ReadonlySet<string>;
  /** Of the Request-URI, in lower case. */
  readonly schemes: ReadonlySet<string>;
  /** Body types of an INVITE. */
  readonly bodies: ReadonlyArray<string>;
}

export const defaults: Capabilities = {
  methods: new Set([
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "REGISTER",
    "PRACK",
    "UPDATE",
    "INFO",
    "MESSAGE",
    "SUBSCRIBE",
    "NOTIFY",
    "REFER",
    "PUBLISH",
  ]),
  allowed: ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER"],
  extensions: new Set(["100rel", "path"]),
  schemes: new Set(["sip", "sips", "tel"]),
  bodies: ["application/sdp"],
};

/** The answer that a request deserves; an ACK never gets one. */
export interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly fields: ReadonlyArray<HeaderField>;
}

const refusal = (
  status: number,
  reason: string,
  fields: ReadonlyArray<HeaderField> = [],
): Refusal => ({ status, reason, fields });

/** The first header that stands twice but may stand once, if any (section 7.3.1). */
const repeated = (message: Message): string | undefined => {
  let seen = 0;
  for (let at = 0; at < message.fields.length; at += fieldSize) {
    const id = message.fields[at]! >> 1;
    if (id === 0 || id > HeaderName.LAST_SINGLE) continue;
    if ((seen & (1 << id)) !== 0) return HeaderName.display(HeaderName.known[id]!);
    seen |= 1 << id;
  }
  return undefined;
};

/** Undefined for a request that may be acted on. */
export const request = (
  request: Request,
  capabilities: Capabilities = defaults,
): Refusal | undefined =>
  checkMethod(request, capabilities) ??
    checkUris(request, capabilities) ??
    checkAddresses(request) ??
    checkRequire(request, capabilities) ??
    checkBody(request, capabilities);

/** Undefined for a response that may be acted on, else why it is discarded. */
export const response = (response: Response): string | undefined => {
  const twice = repeated(response);
  if (twice !== undefined) return `more than one ${twice}`;
  // Section 8.1.3.3: a second Via shows that it strayed on its way to somebody else.
  const vias = List.splitAll(values(response, "via"));
  return vias?.length === 1 ? undefined : "not exactly one Via";
};

const checkMethod = (request: Request, capabilities: Capabilities): Refusal | undefined => {
  const twice = repeated(request);
  if (twice !== undefined) return refusal(400, `more than one ${twice}`);
  if (!capabilities.methods.has(request.method)) {
    return refusal(501, "method is not implemented", [
      ["Allow", capabilities.allowed.join(", ")],
    ]);
  }
  return request.method === request.cseqMethod
    ? undefined
    : refusal(400, "CSeq names another method than the start line");
};

const checkUris = (request: Request, capabilities: Capabilities): Refusal | undefined => {
  const target = Uri.parse(request.uri);
  if (target === undefined) return refusal(400, "Request-URI is malformed");
  if (!capabilities.schemes.has(target.scheme)) {
    return refusal(416, "scheme of the Request-URI is not supported");
  }
  if (target.kind === "sip" && target.headers !== "") {
    return refusal(400, "headers in the Request-URI");
  }
  if (Uri.parse(request.from.uri) === undefined) return refusal(400, "URI in From is malformed");
  if (Uri.parse(request.to.uri) === undefined) return refusal(400, "URI in To is malformed");
  return undefined;
};

const checkAddresses = (request: Request): Refusal | undefined => {
  const modern = Via.hasCookie(request.via);
  if (modern && request.from.tag === undefined) return refusal(400, "From has no tag");
  const contacts = Header.contacts(request);
  if (contacts === undefined) return refusal(400, "Contact is malformed");
  if (contacts === "*") {
    return request.method === "REGISTER" ? undefined : refusal(400, "Contact is *");
  }
  if (!contacts.every((contact) => Uri.parse(contact.uri) !== undefined)) {
    return refusal(400, "URI in Contact is malformed");
  }
  if (request.method === "INVITE" && contacts.length !== 1 && (modern || contacts.length > 1)) {
    return refusal(400, "INVITE without exactly one Contact");
  }
  if (Header.routes(request, "route") === undefined) return refusal(400, "Route is malformed");
  return Header.routes(request, "record-route") === undefined
    ? refusal(400, "Record-Route is malformed")
    : undefined;
};

/** Section 8.2.2.3; an ACK or a CANCEL cannot be refused for what it requires. */
const checkRequire = (request: Request, capabilities: Capabilities): Refusal | undefined => {
  if (request.method === "ACK" || request.method === "CANCEL") return undefined;
  const required = Header.tokens(request, "require");
  if (required === undefined) return refusal(400, "Require is malformed");
  const unsupported = required.filter((tag) => !capabilities.extensions.has(tag.toLowerCase()));
  return unsupported.length === 0
    ? undefined
    : refusal(420, "extension is not supported", [["Unsupported", unsupported.join(", ")]]);
};

/** Section 8.2.3; bodies of other requests are for whoever reads them. */
const checkBody = (request: Request, capabilities: Capabilities): Refusal | undefined => {
  if (request.method !== "INVITE") return undefined;
  if (!capabilities.bodies.some((type) => Header.accepts(request, type, true))) {
    return refusal(406, "Accept names no type that we send");
  }
  if (request.body === "") return undefined;
  if (request.contentType === undefined) return refusal(400, "body without a Content-Type");
  const encoding = first(request, "content-encoding");
  if (encoding !== undefined && encoding.toLowerCase() !== "identity") {
    return refusal(415, "body is encoded", [["Accept-Encoding", "identity"]]);
  }
  return capabilities.bodies.includes(Header.mediaType(request.contentType))
    ? undefined
    : refusal(415, "type of the body is not supported", [
      ["Accept", capabilities.bodies.join(", ")],
    ]);
};
