/** The directory file: tenants with their users, trunks and routes, as a person writes it. */
import { Schema } from "effect";
import { TenantId, text } from "./Ids.ts";
import { Transport } from "./Sip.ts";
import { Exception } from "./Tenant.ts";

const Seconds = (least: number, most: number) =>
  Schema.Int.check(Schema.isBetween({ minimum: least, maximum: most }));

const Domain = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9.:[\]-]{1,255}$/, { expected: "a host name or an IP address" }),
);

/** A SIP user part as it is dialled. */
const UserPart = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9\-_.!~*'()&=+$,;?/%#]{1,64}$/, { expected: "a SIP user part" }),
);

const Name = Schema.String.check(
  // Control characters in a display name would forge log lines and headers.
  // deno-lint-ignore no-control-regex
  Schema.isPattern(/^[^\u0000-\u001f\u007f]{0,128}$/, { expected: "text without controls" }),
);

/** Never empty; a plan warns of short ones. */
const Secret = Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(128));

export const DirectoryUser = Schema.Struct({
  extension: UserPart,
  name: Name,
  secret: Secret,
});
export type DirectoryUser = typeof DirectoryUser.Type;

/** `ip:port`, IPv6 in brackets. */
const HostPort = Schema.String.check(
  Schema.isPattern(/^(\d{1,3}(\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/, {
    expected: "an IP address and a port, such as 192.0.2.9:5060",
  }),
);

export const DirectoryTrunk = Schema.Struct({
  id: Schema.String.check(
    Schema.isPattern(/^[A-Za-z0-9_-]{1,64}$/, {
      expected: "1 to 64 letters, digits, hyphens and underscores",
    }),
  ),
  address: HostPort,
  transport: Transport.pipe(Schema.optionalKey),
  inbound: Schema.optionalKey(Schema.Boolean),
  /** Digest credentials of an inbound trunk whose address changes. */
  username: Schema.optionalKey(UserPart),
  secret: Schema.optionalKey(Secret),
});
export type DirectoryTrunk = typeof DirectoryTrunk.Type;

export const DirectoryRoute = Schema.Struct({
  match: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(256)),
  trunk: text(64),
});

export const DirectoryTenant = Schema.Struct({
  id: TenantId,
  domain: Domain,
  exceptions: Schema.optionalKey(Schema.Array(Exception).check(Schema.isMaxLength(8))),
  // In the record of every call.
  mediaNetworks: Schema.optionalKey(Schema.Array(text(49)).check(Schema.isMaxLength(64))),
  limits: Schema.optionalKey(Schema.Struct({
    ringSeconds: Schema.optionalKey(Seconds(1, 600)),
    maxCallSeconds: Schema.optionalKey(Seconds(1, 86_400)),
    maxBindings: Schema.optionalKey(Seconds(1, 32)),
  })),
  users: Schema.optionalKey(Schema.Array(DirectoryUser)),
  // All of a tenant's trunks rest in one record, and so do its routes.
  trunks: Schema.optionalKey(Schema.Array(DirectoryTrunk).check(Schema.isMaxLength(500))),
  routes: Schema.optionalKey(
    Schema.Array(DirectoryRoute).check(Schema.isMaxLength(500)),
  ),
});
export type DirectoryTenant = typeof DirectoryTenant.Type;

export const Directory = Schema.Struct({ tenants: Schema.Array(DirectoryTenant) });
export type Directory = typeof Directory.Type;

/** One line of a plan. */
export const Change = Schema.Struct({
  tenant: TenantId,
  /** "keep": in the system but not in the file, left alone unless removals are asked for. */
  action: Schema.Literals(["add", "change", "remove", "keep"]),
  what: text(512),
});
export type Change = typeof Change.Type;
