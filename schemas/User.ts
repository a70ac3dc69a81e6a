/** A user: credentials and registrations of one address of record (RFC 3261 section 10). */
import { Schema } from "effect";
import { Incarnation, Millis, text, WorkerId } from "./Ids.ts";
import { Cseq, Flow, maxToken, RegId, RequestIdentity, Seconds, Uri, UriList } from "./Sip.ts";

export const Algorithm = Schema.Literals(["MD5", "SHA-256", "SHA-512-256"]);
export type Algorithm = typeof Algorithm.Type;

/**
 * H(user:realm:password) as lower-case hex (RFC 7616 section 3.4.2): the password is never kept.
 */
export const Ha1 = Schema.Struct({ algorithm: Algorithm, value: text(128) });
export type Ha1 = typeof Ha1.Type;

/** One registered contact. */
export const Binding = Schema.Struct({
  uri: Uri,
  /** What URIs of the same contact have in common (RFC 3261 19.1.4), made by the edge. */
  key: Uri,
  instance: Schema.NullOr(text(256)),
  regId: Schema.NullOr(RegId),
  q: Schema.NullOr(text(8)),
  /** When it was made or last extended in the journal, and until when. */
  since: Millis,
  expiresAt: Millis,
  path: UriList,
  flow: Flow,
  /** Contact and source differ: only the flow reaches this phone. */
  natted: Schema.Boolean,
  callId: text(maxToken),
  cseq: Cseq,
  userAgent: text(256),
});
export type Binding = typeof Binding.Type;

export const Contact = Schema.Struct({
  uri: Uri,
  key: Uri,
  /** Seconds; of the contact, else of the Expires header, else null. */
  expires: Schema.NullOr(Seconds),
  q: Schema.NullOr(text(8)),
  instance: Schema.NullOr(text(256)),
  regId: Schema.NullOr(RegId),
});
export type Contact = typeof Contact.Type;

/** From edges. */
export const UserRequest = Schema.TaggedUnion({
  /** REGISTER: with no contacts a fetch, with `all` a `Contact: *`. */
  RegisterContacts: {
    identity: RequestIdentity,
    callId: text(maxToken),
    cseq: Cseq,
    contacts: Schema.Array(Contact).check(Schema.isMaxLength(16)),
    all: Schema.Boolean,
    expires: Schema.NullOr(Seconds),
    path: UriList,
    natted: Schema.Boolean,
    userAgent: text(256),
  },
  /** Any other request out of a dialog that this user claims to send: may it pass? */
  AdmitRequest: { identity: RequestIdentity },
});
export type UserRequest = typeof UserRequest.Type;

/** From cores. */
export const UserQuery = Schema.TaggedUnion({
  /** Who is it that sends this request, and where does it lead? */
  AuthenticateRequest: { identity: RequestIdentity },
  /** From a call that rings this user. */
  LookUpContacts: {},
  ProvisionUser: {
    display: text(256),
    realm: text(256),
    ha1: Schema.Array(Ha1),
    maxBindings: Schema.Int,
  },
  RemoveUser: {},
});
export type UserQuery = typeof UserQuery.Type;

export type UserCommand = UserRequest | UserQuery;

export const UserEvent = Schema.TaggedUnion({
  UserProvisioned: {
    at: Millis,
    display: text(256),
    realm: text(256),
    ha1: Schema.Array(Ha1),
    maxBindings: Schema.Int,
  },
  UserRemoved: { at: Millis },
  ContactBound: { at: Millis, binding: Binding },
  ContactUnbound: {
    at: Millis,
    uri: Uri,
    key: Uri,
    /** Which of several with this key; absent: all of them. */
    instance: Schema.optionalKey(Schema.NullOr(text(256))),
    regId: Schema.optionalKey(Schema.NullOr(RegId)),
    /** Replaced: the same contact is bound with another URI, instance or reg-id. */
    reason: Schema.Literals(["unregistered", "expired", "replaced"]),
  },
  /** An edge came back as another incarnation: its connections are gone. */
  EdgeLost: { at: Millis, edge: WorkerId, incarnation: Incarnation },
});
export type UserEvent = typeof UserEvent.Type;
