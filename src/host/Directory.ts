/** Reads a directory file: refused whole, with the path of the first wrong fields. */
import { Result, Schema, SchemaIssue } from "effect";
import { Directory, type DirectoryTenant } from "../../schemas/Directory.ts";
import type { Limits, Policy, Route, Trunk } from "../../schemas/Tenant.ts";
import * as Address from "../sdp/Address.ts";
import { algorithmsOf } from "./Authentication.ts";

export class DirectoryRefused extends Schema.TaggedError<DirectoryRefused>()("DirectoryRefused", {
  problems: Schema.Array(Schema.String),
}) {
  override get message(): string {
    return `the directory is refused as a whole:\n  ${this.problems.join("\n  ")}`;
  }
}

const decode = Schema.decodeUnknownResult(Directory, {
  onExcessProperty: "error",
  errors: "all",
});

const format = SchemaIssue.makeFormatterStandardSchemaV1();

/** `tenants[0].users[1].secret`. */
const pathText = (path: ReadonlyArray<unknown>): string =>
  path.map((part) => {
    const key = typeof part === "object" && part !== null && "key" in part ? part.key : part;
    return typeof key === "number" ? `[${key}]` : `.${String(key)}`;
  }).join("").replace(/^\./, "") || "the directory";

/** What the schema's own words mean to the author of the file. */
const words: Readonly<Record<string, string>> = {
  "Missing key": "it is missing",
  "Expected no excess property": "there is no such field",
};

export const parse = (json: unknown): Result.Result<Directory, DirectoryRefused> => {
  const decoded = decode(json);
  if (Result.isFailure(decoded)) {
    const problems = format(decoded.failure.issue).issues.map(({ message, path = [] }) =>
      `${pathText(path)}: ${words[message] ?? message}`
    );
    return Result.fail(new DirectoryRefused({ problems: problems.slice(0, 40) }));
  }
  const problems = [...check(decoded.success)];
  return problems.length === 0
    ? Result.succeed(decoded.success)
    : Result.fail(new DirectoryRefused({ problems: problems.slice(0, 40) }));
};

/** Says where a value of a list stands a second time; undefined is no value. */
function* duplicates(
  values: ReadonlyArray<string | undefined>,
  place: (index: number) => string,
): Generator<string> {
  const seen = new Map<string, number>();
  for (const [index, value] of values.entries()) {
    if (value === undefined) continue;
    const first = seen.get(value);
    if (first === undefined) seen.set(value, index);
    else yield `${place(index)}: "${value}" is at ${place(first)} already`;
  }
}

/** What no schema of one field can see. */
function* check({ tenants }: Directory): Generator<string> {
  yield* duplicates(tenants.map(({ id }) => id), (n) => `tenants[${n}].id`);
  const domains = tenants.map(({ domain }) => domain.toLowerCase());
  yield* duplicates(domains, (n) => `tenants[${n}].domain`);
  for (const [n, tenant] of tenants.entries()) yield* checkTenant(tenant, `tenants[${n}]`);
  yield* checkTrunkSources(tenants);
}

function* checkTenant(tenant: DirectoryTenant, at: string): Generator<string> {
  const { exceptions = [], mediaNetworks = [], routes = [], trunks = [], users = [] } = tenant;
  yield* duplicates(users.map(({ extension }) => extension), (n) => `${at}.users[${n}].extension`);
  yield* duplicates(trunks.map(({ id }) => id), (n) => `${at}.trunks[${n}].id`);
  const logins = trunks.map(({ username }) => username);
  yield* duplicates(logins, (n) => `${at}.trunks[${n}].username`);
  for (const [n, network] of mediaNetworks.entries()) {
    if (!Address.isNetwork(network)) {
      yield `${at}.mediaNetworks[${n}]: "${network}" is no network such as 192.0.2.0/24`;
    }
  }
  for (const [n, trunk] of trunks.entries()) {
    const { ip, port } = addressOf(trunk.address);
    if (Address.canonical(ip) === undefined || port < 1 || port > 65_535) {
      yield `${at}.trunks[${n}].address: "${trunk.address}" is no IP address with a port`;
    }
    const { transport = "udp" } = trunk;
    if (!exceptions.includes("plainSignalling") && (transport === "udp" || transport === "tcp")) {
      yield `${at}.trunks[${n}].transport: ${transport} needs the exception plainSignalling`;
    }
    if ((trunk.username === undefined) !== (trunk.secret === undefined)) {
      yield `${at}.trunks[${n}]: username and secret belong together`;
    }
    if (users.some(({ extension }) => extension === trunk.username)) {
      yield `${at}.trunks[${n}].username: "${trunk.username}" is a user's extension`;
    }
  }
  for (const [n, route] of routes.entries()) {
    if (!trunks.some(({ id }) => id === route.trunk)) {
      yield `${at}.routes[${n}].trunk: there is no trunk "${route.trunk}"`;
    }
  }
}

/** What comes from a source address must belong to one tenant. */
function* checkTrunkSources(tenants: ReadonlyArray<DirectoryTenant>): Generator<string> {
  const owners = new Map<string, string>();
  for (const [t, { id, trunks = [] }] of tenants.entries()) {
    for (const [n, trunk] of trunks.entries()) {
      if (trunk.inbound !== true) continue;
      const { ip } = addressOf(trunk.address);
      const owner = owners.get(ip);
      if (owner !== undefined && owner !== id) {
        yield `tenants[${t}].trunks[${n}].address: ${ip} is a source of tenant "${owner}" already`;
      }
      owners.set(ip, id);
    }
  }
}

/** The IP as the operating system reports it as a source, however it is spelled here. */
const addressOf = (text: string): { readonly ip: string; readonly port: number } => {
  const colon = text.lastIndexOf(":");
  const ip = text.slice(0, colon).replace(/^\[|\]$/g, "");
  return {
    ip: Address.canonical(ip) ?? ip,
    port: Number(text.slice(colon + 1)),
  };
};

const defaults = { ringSeconds: 60, maxCallSeconds: 14_400, maxBindings: 10 } as const;

/**
 * The parts of a tenant as its actor keeps them. `fingerprint` of what must not be kept in clear.
 */
export const partsOf = (
  tenant: DirectoryTenant,
  fingerprint: (parts: ReadonlyArray<string>) => string,
): {
  readonly policy: Omit<Policy, "tenant">;
  readonly trunks: ReadonlyArray<Trunk>;
  readonly routes: ReadonlyArray<Route>;
} => {
  const given = { ...defaults, ...tenant.limits };
  const limits: Limits = {
    ringMs: given.ringSeconds * 1_000,
    maxCallMs: given.maxCallSeconds * 1_000,
    maxBindings: given.maxBindings,
  };
  const { exceptions = [], mediaNetworks = [], routes = [] } = tenant;
  const domain = tenant.domain.toLowerCase();
  const algorithms = algorithmsOf({ exceptions });
  return {
    policy: { domain, exceptions, mediaNetworks, limits },
    trunks: (tenant.trunks ?? []).map((trunk) => ({
      id: trunk.id,
      address: addressOf(trunk.address),
      transport: trunk.transport ?? "udp",
      inbound: trunk.inbound ?? false,
      username: trunk.username ?? null,
      credential: trunk.username === undefined || trunk.secret === undefined
        ? null
        : fingerprint([tenant.id, domain, trunk.username, trunk.secret, ...algorithms]),
    })),
    routes,
  };
};
