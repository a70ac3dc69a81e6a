/** REGISTER as a command (RFC 3261 section 10.3, RFC 3327, RFC 5626). */
import { Contact, type UserRequest } from "../../schemas/User.ts";
import type { RequestIdentity } from "../../schemas/Sip.ts";
import type { Address } from "../sip/Address.ts";
import * as Header from "../sip/Header.ts";
import * as Message from "../sip/Message.ts";
import * as Params from "../sip/Params.ts";
import * as Uri from "../sip/Uri.ts";
import type { Source } from "./Flows.ts";
import { isNatted } from "./Identity.ts";

type Register = Extract<UserRequest, { _tag: "RegisterContacts" }>;

/**
 * What URIs of one contact have in common (RFC 3261 19.1.4): escapes, case and the order of
 * parameters aside.
 */
export const keyOf = (text: string): string => {
  const uri = Uri.parse(text);
  if (uri?.kind !== "sip") return text;
  const params = (Params.parse(uri.params) ?? [])
    .map(([name, value]) => `;${name.toLowerCase()}=${value.toLowerCase()}`)
    .sort();
  return `${Uri.addressOfRecord(uri)}:${uri.port ?? ""}${params.join("")}`;
};

const unquoted = (value: string): string => value.replace(/^"|"$/g, "");

const contactOf = (address: Address): Contact => {
  const instance = Params.get(address.params, "+sip.instance");
  const regId = Params.get(address.params, "reg-id");
  const q = Params.get(address.params, "q");
  return {
    uri: address.uri,
    key: keyOf(address.uri),
    expires: Header.contactExpires(address) ?? null,
    q: q === undefined || Header.q(address) === undefined ? null : q,
    instance: instance === undefined ? null : unquoted(instance),
    regId: regId !== undefined && /^\d{1,9}$/.test(regId) ? Number(regId) : null,
  };
};

/** Undefined when a header of it cannot be read: 400. */
export const commandOf = (
  request: Message.Request,
  identity: RequestIdentity,
  source: Source,
): Register | undefined => {
  const contacts = Header.contacts(request);
  const expires = Message.first(request, "expires");
  const path = Header.routes(request, "path");
  if (contacts === undefined || path === undefined) return undefined;
  const all = contacts === "*";
  const list = all ? [] : contacts.map(contactOf);
  return {
    _tag: "RegisterContacts",
    identity,
    callId: request.callId,
    cseq: request.cseq,
    contacts: list,
    all,
    expires: expires === undefined ? null : Header.seconds(expires) ?? null,
    path: path.map(({ uri }) => uri),
    natted: list.some(({ uri }) => isNatted(uri, path.length > 0, source)),
    userAgent: (Message.first(request, "user-agent") ?? "").slice(0, 128),
  };
};
