/** Replies to commands. Rejections are replies: they change nothing and are not journalled. */
import { Schema } from "effect";
import { text } from "./Ids.ts";
import { Destination, Policy, TenantFacts, Trunk } from "./Tenant.ts";
import { Flow, HeaderFields, Uri } from "./Sip.ts";
import { Binding } from "./User.ts";

export const Reply = Schema.TaggedUnion({
  /** Taken; what follows comes as effects. */
  Accepted: {},
  /** Answer the request with this. */
  Answered: {
    status: Schema.Int,
    reason: Schema.NullOr(text(128)),
    headers: HeaderFields,
  },
  /** 401 with one challenge for each algorithm (RFC 8760 order), `stale` per RFC 7616. */
  Challenged: {
    realm: text(256),
    nonce: text(256),
    algorithms: Schema.Array(Schema.Literals(["MD5", "SHA-256", "SHA-512-256"])),
    stale: Schema.Boolean,
  },
  /** 200 to a REGISTER: all bindings of the AOR with the seconds that each has left. */
  Registered: {
    contacts: Schema.Array(
      Schema.Struct({ uri: Uri, expiresIn: Schema.Int, q: Schema.NullOr(text(8)) }),
    ),
    path: Schema.Array(Uri),
  },
  /** To `AuthenticateRequest`: the digest answer was right, or the source is a trunk. */
  Authenticated: {
    display: text(256),
    policy: Policy,
    trunk: Schema.NullOr(Trunk),
    destination: Destination,
  },
  /** What a user actor knows of its contacts. */
  Contacts: { known: Schema.Boolean, display: text(256), bindings: Schema.Array(Binding) },
  /** To `FindFlow`; null when there is none. */
  FlowFound: { flow: Schema.NullOr(Flow) },
  /** To `AskTenant`. */
  Routed: { policy: Policy, trunk: Schema.NullOr(Trunk), destination: Destination },
  /** To `DescribeTenant`; null when it was never provisioned. */
  TenantDescribed: { tenant: Schema.NullOr(TenantFacts) },
  /** The actor was never provisioned. */
  Unprovisioned: {},
  /** Nothing here can answer now: 503 with Retry-After. */
  Overloaded: { retryAfterMs: Schema.Int },
});
export type Reply = typeof Reply.Type;

export const accepted: Reply = { _tag: "Accepted" };

export const answered = (
  status: number,
  headers: ReadonlyArray<readonly [string, string]> = [],
  reason: string | null = null,
): Reply => ({ _tag: "Answered", status, reason, headers });
