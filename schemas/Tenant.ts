/** A tenant: its domain, exceptions, dial rules, trunks and the list of its users. */
import { Schema } from "effect";
import { Millis, TenantId, text } from "./Ids.ts";
import { Feature } from "./Party.ts";
import { SocketAddress, Transport } from "./Sip.ts";

/** Named deviations from "secure by default"; each is in the log from the moment it is granted. */
export const Exception = Schema.Literals(["plainMedia", "plainSignalling", "md5Digest"]);
export type Exception = typeof Exception.Type;

export const Limits = Schema.Struct({
  ringMs: Schema.Int,
  maxCallMs: Schema.Int,
  maxBindings: Schema.Int,
});
export type Limits = typeof Limits.Type;

/** What a call needs to know of its tenant for as long as it lives. */
export const Policy = Schema.Struct({
  tenant: TenantId,
  domain: text(256),
  exceptions: Schema.Array(Exception),
  /** CIDR networks to which media may be sent. */
  mediaNetworks: Schema.Array(text(49)),
  limits: Limits,
});
export type Policy = typeof Policy.Type;

export const Trunk = Schema.Struct({
  id: text(64),
  address: SocketAddress,
  transport: Transport,
  inbound: Schema.Boolean,
  /** Digest credentials of an inbound trunk that is not known by its address. */
  username: Schema.NullOr(text(256)),
  /** Fingerprint of the credentials, to plan changes by. */
  credential: Schema.NullOr(text(64)),
});
export type Trunk = typeof Trunk.Type;

/** `match` is a glob (`*`, `?`) over the dialled user part; the first match wins. */
export const Route = Schema.Struct({ match: text(256), trunk: text(64) });
export type Route = typeof Route.Type;

/** A listed user; the fingerprint is a keyed hash of its provisioned fields, to plan changes by. */
export const ListedUser = Schema.Struct({ extension: text(256), fingerprint: text(64) });
export type ListedUser = typeof ListedUser.Type;

export const Destination = Schema.TaggedUnion({
  User: { extension: text(256) },
  Trunk: { trunk: Trunk },
  Feature: { feature: Feature },
  /** No user, no feature, no route. */
  Unknown: {},
});
export type Destination = typeof Destination.Type;

const provision = {
  domain: text(256),
  exceptions: Schema.Array(Exception),
  mediaNetworks: Schema.Array(text(49)),
  limits: Limits,
};

/** Everything about a tenant but its users' secrets. */
export const TenantFacts = Schema.Struct({
  ...provision,
  trunks: Schema.Array(Trunk),
  routes: Schema.Array(Route),
  users: Schema.Array(ListedUser),
});
export type TenantFacts = typeof TenantFacts.Type;

export const TenantCommand = Schema.TaggedUnion({
  ProvisionTenant: provision,
  ChangeTrunks: { trunks: Schema.Array(Trunk) },
  ChangeRoutes: { routes: Schema.Array(Route) },
  ListUsers: { users: Schema.Array(ListedUser).check(Schema.isMaxLength(500)) },
  UnlistUsers: { extensions: Schema.Array(text(256)).check(Schema.isMaxLength(500)) },
  /**
   * For any request: the tenant's policy, the trunk that this source address or digest user name
   * is, and where the dialled user part (null: none is dialled) leads.
   */
  AskTenant: {
    source: text(45),
    username: Schema.NullOr(text(256)),
    dialled: Schema.NullOr(text(512)),
  },
  DescribeTenant: {},
});
export type TenantCommand = typeof TenantCommand.Type;

export const TenantEvent = Schema.TaggedUnion({
  TenantProvisioned: { at: Millis, ...provision },
  TrunksChanged: { at: Millis, trunks: Schema.Array(Trunk) },
  RoutesChanged: { at: Millis, routes: Schema.Array(Route) },
  UsersListed: { at: Millis, users: Schema.Array(ListedUser) },
  UsersUnlisted: { at: Millis, extensions: Schema.Array(text(256)) },
});
export type TenantEvent = typeof TenantEvent.Type;
