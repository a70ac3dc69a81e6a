/** Which tenant a message is for: all that an edge knows of tenants. */
import type { Realms } from "../../schemas/Envelope.ts";
import type { CellId, TenantId } from "../../schemas/Ids.ts";
import { isLiteral } from "./Identity.ts";

export interface Realm {
  readonly tenant: TenantId;
  readonly cell: CellId;
  /** The domain, which is the realm of its challenges (RFC 3261 section 22.1). */
  readonly domain: string;
}

export interface Directory {
  readonly update: (realms: Realms) => void;
  /** By the trunk's source address, else by the first host that is a tenant's domain. */
  readonly find: (source: string, hosts: ReadonlyArray<string>) => Realm | undefined;
  readonly isTrunk: (source: string) => boolean;
  /**
   * True for a host that stands for this domain: itself, this edge, no host (`tel`), or an address,
   * because an edge behind NAT does not know all of its own.
   */
  readonly isHere: (host: string, domain: string) => boolean;
}

const isAddress = (host: string): boolean => host.startsWith("[") || isLiteral(host);

/** `own`: hosts that mean this edge itself; with a single tenant they mean that tenant. */
export const make = (own: ReadonlySet<string>): Directory => {
  let version = -1;
  let domains = new Map<string, Realm>();
  let trunks = new Map<string, Realm>();
  return {
    isTrunk: (source) => trunks.has(source),
    isHere: (host, domain) => {
      const name = host.toLowerCase();
      return name === "" || name === domain.toLowerCase() || own.has(name) || isAddress(name);
    },
    update: (realms) => {
      if (realms.version <= version) return;
      version = realms.version;
      domains = new Map(
        realms.domains.map((entry) => [entry.domain.toLowerCase(), { ...entry }]),
      );
      const byTenant = new Map(realms.domains.map((entry) => [entry.tenant, entry]));
      trunks = new Map(
        realms.trunks.flatMap(({ address, tenant }) => {
          const realm = byTenant.get(tenant);
          return realm === undefined ? [] : [[address.ip, realm] as const];
        }),
      );
    },
    find: (source, hosts) => {
      const trunk = trunks.get(source);
      if (trunk !== undefined) return trunk;
      for (const host of hosts) {
        const realm = domains.get(host.toLowerCase());
        if (realm !== undefined) return realm;
      }
      const only = domains.size === 1 ? domains.values().next().value : undefined;
      return hosts.some((host) => own.has(host.toLowerCase())) ? only : undefined;
    },
  };
};
