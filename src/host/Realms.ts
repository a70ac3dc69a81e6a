/**
 * What edges must know to address a command: folded from the journals of the tenants, published
 * when it changes and for each edge that comes up.
 */
import type { Realms } from "../../schemas/Envelope.ts";
import type { CellId, TenantId } from "../../schemas/Ids.ts";
import type { TenantEvent } from "../../schemas/Tenant.ts";
import type { SocketAddress } from "../../schemas/Sip.ts";
import type * as Tenant from "../tenant/Tenant.ts";

type State = Pick<Tenant.State, "domain" | "provisioned" | "trunks">;

interface Known {
  readonly domain: string;
  readonly trunks: ReadonlyArray<SocketAddress>;
}

export interface Index {
  /** True when the event changed what edges must know. */
  readonly take: (tenant: TenantId, event: TenantEvent) => boolean;
  /** The same for a tenant that comes from a checkpoint. */
  readonly restore: (tenant: TenantId, state: State) => boolean;
  readonly current: () => Realms;
  readonly tenants: () => ReadonlyArray<TenantId>;
}

/** Sources of inbound trunks. */
const sourcesOf = ({ trunks }: Pick<State, "trunks">): ReadonlyArray<SocketAddress> =>
  trunks.flatMap(({ address, inbound }) => inbound ? [address] : []);

export const make = (cell: CellId): Index => {
  const known = new Map<TenantId, Known>();
  let version = 0;
  const change = (tenant: TenantId, how: (known: Known) => Known): boolean => {
    known.set(tenant, how(known.get(tenant) ?? { domain: "", trunks: [] }));
    version++;
    return true;
  };
  return {
    take: (tenant, event) => {
      switch (event._tag) {
        case "TenantProvisioned":
          return change(tenant, (before) => ({ ...before, domain: event.domain }));
        case "TrunksChanged":
          return change(tenant, (before) => ({ ...before, trunks: sourcesOf(event) }));
        default:
          return false;
      }
    },
    restore: (tenant, state) =>
      state.provisioned &&
      change(tenant, () => ({ domain: state.domain, trunks: sourcesOf(state) })),
    current: () => ({
      version,
      domains: [...known].map(([tenant, { domain }]) => ({ domain, tenant, cell })),
      trunks: [...known].flatMap(([tenant, { trunks }]) =>
        trunks.map((address) => ({ address, tenant, cell }))
      ),
    }),
    tenants: () => [...known.keys()],
  };
};
