/** Where a call may ring: destinations of a tenant become targets with their relay ports. */
import { Effect, Schema } from "effect";
import { MediaReply } from "../../schemas/Media.ts";
import { type TenantId, userActor, type WorkerId } from "../../schemas/Ids.ts";
import type { Feature } from "../../schemas/Party.ts";
import type { Flow } from "../../schemas/Sip.ts";
import * as Subjects from "../../schemas/Subjects.ts";
import type { Destination, Trunk } from "../../schemas/Tenant.ts";
import type { Binding } from "../../schemas/User.ts";
import type { MediaFacts, Target } from "../call/Command.ts";
import * as Text from "../kernel/Text.ts";
import { type Address, ask } from "./Address.ts";

/** A user's phones beyond this number do not ring. */
const mostForks = 8;
const reserveTimeoutMs = 2_000;
const decodeReply = Schema.decodeUnknownExit(MediaReply);

export interface Found {
  readonly targets: ReadonlyArray<Target>;
  readonly feature: Feature | null;
  /** Set when there is no such number at all. */
  readonly unknown: boolean;
}

const none: Found = { targets: [], feature: null, unknown: false };

const bindingTarget = (extension: string, display: string, binding: Binding): Target => ({
  party: { _tag: "User", extension, display },
  uri: binding.uri,
  routeSet: binding.path,
  hop: { flow: binding.flow, flowOnly: binding.natted },
  edge: binding.flow.edge,
});

/** Preference of a contact (RFC 3261 section 20.10); of equals the newest ring first. */
const quality = ({ q }: Binding): number => q === null ? 1 : Number(q);

const trunkTarget = (trunk: Trunk, dialled: string, from: Flow): Target => {
  const { ip, port } = trunk.address;
  const { transport } = trunk;
  const flow: Flow = { ...from, transport, connection: 0, remote: trunk.address };
  return {
    party: { _tag: "Trunk", trunk: trunk.id, number: dialled, display: "" },
    uri: `sip:${Text.escapeUser(dialled)}@${Text.hostOf(ip)}:${port}${
      transport === "udp" ? "" : `;transport=${transport}`
    }`,
    routeSet: [],
    hop: { flow, flowOnly: false },
    edge: from.edge,
  };
};

/** `from`: the flow of the request that asks; its edge sends to trunks. */
export const find = (
  address: Address,
  tenant: TenantId,
  id: string,
  dialled: string,
  destination: Destination,
  from: Flow,
): Effect.Effect<Found> => {
  switch (destination._tag) {
    case "Unknown":
      return Effect.succeed({ ...none, unknown: true });
    case "Feature":
      return Effect.succeed({ ...none, feature: destination.feature });
    case "Trunk":
      return Effect.succeed({ ...none, targets: [trunkTarget(destination.trunk, dialled, from)] });
    case "User": {
      const { extension } = destination;
      const question = { _tag: "LookUpContacts" } as const;
      return Effect.map(
        ask(address, tenant, userActor(tenant, extension), `${id}/${extension}`, question),
        (contacts) =>
          contacts?._tag !== "Contacts" ? none : {
            ...none,
            targets: contacts.bindings
              .toSorted((one, other) => quality(one) - quality(other))
              .slice(-mostForks)
              .map((binding) => bindingTarget(extension, contacts.display, binding)),
          },
      );
    }
  }
};

/** The media worker of a core, and who hears that it had no ports for a call. */
export interface Media {
  readonly worker: WorkerId;
  readonly refused: (reason: "exhausted" | "unanswered") => void;
}

/** Ports for the slots and streams of a call; those that it has already come back too. */
export const reserve = (
  address: Address,
  media: Media,
  call: string,
  slots: ReadonlyArray<number>,
  streams: ReadonlyArray<number>,
): Effect.Effect<MediaFacts> => {
  const request = {
    _tag: "ReserveRelay",
    relay: call,
    endpoints: slots.flatMap((leg) => streams.map((stream) => ({ leg, stream }))),
  };
  const refused = (reason: Parameters<Media["refused"]>[0]): MediaFacts => {
    media.refused(reason);
    return "exhausted";
  };
  const subject = Subjects.media(media.worker);
  return Effect.match(address.bus.request(subject, request, reserveTimeoutMs), {
    onFailure: () => refused("unanswered"),
    onSuccess: (answer): MediaFacts => {
      const decoded = decodeReply(answer);
      if (decoded._tag === "Failure") return refused("unanswered");
      if (decoded.value._tag !== "RelayReserved") return refused("exhausted");
      const { worker, incarnation, address, ports } = decoded.value;
      return { call, worker, incarnation, address, ports };
    },
  });
};

/**
 * The flow by which the party of a leg can be reached now that its connection is gone: that of the
 * same contact. A phone that takes a new contact with each connection is known by where it comes
 * from; as long as its old contact is registered, also by what it is, and by being newer.
 */
export const flowOf = (
  bindings: ReadonlyArray<Binding>,
  gone: Flow,
  leg: { readonly target: string; readonly contact: string },
): Flow | null => {
  const isGone = ({ flow }: Binding): boolean =>
    flow.connection === gone.connection && flow.incarnation === gone.incarnation;
  const own = bindings.find(({ key, uri }) => key === leg.contact || uri === leg.target);
  if (own !== undefined && !isGone(own)) return own.flow;
  const [newest] = bindings
    .filter((other) =>
      !isGone(other) && other.flow.transport === gone.transport &&
      other.flow.remote.ip === gone.remote.ip &&
      (own === undefined || other.since > own.since && other.userAgent === own.userAgent)
    )
    .toSorted((a, b) => b.since - a.since);
  return newest?.flow ?? null;
};
