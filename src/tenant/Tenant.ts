/** The tenant actor: domain, exceptions, dial rules, trunks, and who its users are. */
import type { Effect } from "../../schemas/Effect.ts";
import type { TenantId } from "../../schemas/Ids.ts";
import { features } from "../../schemas/Party.ts";
import { accepted, type Reply } from "../../schemas/Reply.ts";
import type {
  Destination,
  Limits,
  Policy,
  Route,
  TenantCommand,
  TenantEvent,
  Trunk,
} from "../../schemas/Tenant.ts";
import type { Exception } from "../../schemas/Tenant.ts";
import type { Decider, Decision } from "../kernel/Decider.ts";
import * as Glob from "../kernel/Glob.ts";

export interface State {
  readonly provisioned: boolean;
  readonly domain: string;
  readonly exceptions: ReadonlyArray<Exception>;
  readonly mediaNetworks: ReadonlyArray<string>;
  readonly limits: Limits;
  readonly trunks: ReadonlyArray<Trunk>;
  readonly routes: ReadonlyArray<Route>;
  /** Extension to fingerprint; own keys only. */
  readonly users: Readonly<Record<string, string>>;
}

/** A command with its time and the tenant that the actor is. */
export interface Command {
  readonly at: number;
  readonly tenant: TenantId;
  readonly command: TenantCommand;
}

const initial: State = {
  provisioned: false,
  domain: "",
  exceptions: [],
  mediaNetworks: [],
  limits: { ringMs: 60_000, maxCallMs: 14_400_000, maxBindings: 10 },
  trunks: [],
  routes: [],
  users: {},
};

const policyOf = (state: State, tenant: TenantId): Policy => {
  const { domain, exceptions, mediaNetworks, limits } = state;
  return { tenant, domain, exceptions, mediaNetworks, limits };
};

/** Users before features before routes; of the routes the first that matches. */
const destinationOf = (state: State, dialled: string): Destination => {
  if (Object.hasOwn(state.users, dialled)) return { _tag: "User", extension: dialled };
  for (const feature of ["echo", "tone"] as const) {
    if (dialled === features[feature]) return { _tag: "Feature", feature };
  }
  const route = state.routes.find(({ match }) => Glob.matches(match, dialled));
  const trunk = state.trunks.find(({ id }) => id === route?.trunk);
  return trunk === undefined ? { _tag: "Unknown" } : { _tag: "Trunk", trunk };
};

/** An inbound trunk is its source address (not port), or the user name of its digest answer. */
const trunkOf = (state: State, source: string, username: string | null): Trunk | null =>
  state.trunks.find(({ inbound, address, username: own }) =>
    inbound && (address.ip === source || (own !== null && own === username))
  ) ?? null;

const ask = (
  state: State,
  tenant: TenantId,
  { source, username, dialled }: Extract<TenantCommand, { _tag: "AskTenant" }>,
): Reply => ({
  _tag: "Routed",
  policy: policyOf(state, tenant),
  trunk: trunkOf(state, source, username),
  destination: dialled === null ? { _tag: "Unknown" } : destinationOf(state, dialled),
});

const describe = ({ provisioned, ...facts }: State): Reply => ({
  _tag: "TenantDescribed",
  tenant: provisioned
    ? {
      ...facts,
      users: Object.entries(facts.users).map(([extension, fingerprint]) => ({
        extension,
        fingerprint,
      })),
    }
    : null,
});

const decide = (
  state: State,
  { at, tenant, command }: Command,
): Decision<TenantEvent, Reply> => {
  const change = (event: TenantEvent) => ({ events: [event], reply: accepted });
  switch (command._tag) {
    case "ProvisionTenant": {
      const { domain, exceptions, mediaNetworks, limits } = command;
      const provision = { domain, exceptions, mediaNetworks, limits };
      return change({ _tag: "TenantProvisioned", at, ...provision });
    }
    case "ChangeTrunks":
      return change({ _tag: "TrunksChanged", at, trunks: command.trunks });
    case "ChangeRoutes":
      return change({ _tag: "RoutesChanged", at, routes: command.routes });
    case "ListUsers":
      return change({ _tag: "UsersListed", at, users: command.users });
    case "UnlistUsers":
      return change({ _tag: "UsersUnlisted", at, extensions: command.extensions });
    case "AskTenant":
      return {
        events: [],
        reply: state.provisioned ? ask(state, tenant, command) : { _tag: "Unprovisioned" },
      };
    case "DescribeTenant":
      return { events: [], reply: describe(state) };
  }
};

const evolve = (state: State, event: TenantEvent): State => {
  switch (event._tag) {
    case "TenantProvisioned": {
      const { domain, exceptions, mediaNetworks, limits } = event;
      return { ...state, provisioned: true, domain, exceptions, mediaNetworks, limits };
    }
    case "TrunksChanged":
      return { ...state, trunks: event.trunks };
    case "RoutesChanged":
      return { ...state, routes: event.routes };
    case "UsersListed": {
      const listed = event.users.map(({ extension, fingerprint }) => [extension, fingerprint]);
      return { ...state, users: { ...state.users, ...Object.fromEntries(listed) } };
    }
    case "UsersUnlisted": {
      const gone = new Set(event.extensions);
      const left = Object.entries(state.users).filter(([extension]) => !gone.has(extension));
      return { ...state, users: Object.fromEntries(left) };
    }
  }
};

export const decider: Decider<State, Command, TenantEvent, Reply, Effect> = {
  initial,
  decide,
  evolve,
  effectsOf: () => [],
};
