/**
 * Where a request of ours goes: down its flow, else to the first of its route set or its target.
 */
import type { Hop } from "../../schemas/Effect.ts";
import type { LegId } from "../../schemas/Ids.ts";
import type { Flow, SocketAddress, Transport } from "../../schemas/Sip.ts";
import * as Dialog from "../sip/Dialog.ts";
import * as Uri from "../sip/Uri.ts";
import type { Context } from "./Context.ts";
import type { To } from "./CoreLink.ts";
import type { Source } from "./Flows.ts";
import * as Registrations from "./Registrations.ts";

/** Undefined: no such flow, and no other way (RFC 5626 section 5.3: 430). */
export type Obtained = (to: Source | undefined) => void;

const largest = 1_300;

interface Place {
  readonly transport: Transport;
  readonly host: string;
  readonly port: number;
}

const transportOf = (uri: Uri.SipUri): Transport | undefined => {
  const named = Uri.param(uri, "transport")?.toLowerCase() ??
    (uri.scheme === "sips" ? "tls" : "udp");
  switch (named) {
    case "udp":
    case "tcp":
    case "tls":
      return uri.scheme === "sips" ? "tls" : named;
    default:
      // No connection can be opened to a WebSocket client (RFC 7118 section 5).
      return undefined;
  }
};

const placeOf = (text: string): Place | undefined => {
  const uri = Uri.parse(text);
  if (uri?.kind !== "sip" || uri.host.toLowerCase().endsWith(".invalid")) return undefined;
  const transport = transportOf(uri);
  if (transport === undefined) return undefined;
  const port = uri.port ?? (transport === "tls" ? 5061 : 5060);
  return { transport, host: uri.host.replace(/^\[|\]$/g, ""), port };
};

export interface Request {
  readonly leg: LegId;
  readonly target: string;
  readonly routeSet: ReadonlyArray<string>;
  readonly hop: Hop;
}

const sourceOf = ({ connection, remote, transport }: Flow): Source => ({
  connection,
  remote,
  transport,
});

/**
 * Finds the way of a request of this call and opens it where needed. `octets`: its size, because
 * what is larger than 1,300 goes by TCP where that can be had (RFC 3261 section 18.1.1).
 */
export const obtain = (
  context: Context,
  call: To,
  request: Request,
  octets: number,
  obtained: Obtained,
): void => {
  const { flow, flowOnly } = request.hop;
  const alive = flow !== null && context.flows.isAlive(flow);
  if (alive && (flowOnly || flow.transport !== "udp")) return obtained(sourceOf(flow));
  // The phone may have come back over another connection (RFC 5626 section 5.3).
  if (!alive && flow !== null && flow.connection > 0) {
    return another(
      context,
      call,
      request.leg,
      request.target,
      (found) => found === undefined ? direct(context, request, octets, obtained) : obtained(found),
    );
  }
  direct(context, request, octets, obtained);
};

const anotherMs = 4_000;
let asked = 0;

/** A live flow of the party of a leg, other than the one that the leg had. */
export const another = (
  context: Context,
  call: To,
  leg: LegId,
  target: string,
  found: (to: Source | undefined) => void,
): void => {
  const command = { _tag: "FindFlow", leg, contact: Registrations.keyOf(target) } as const;
  const id = `flow/${context.incarnation}/${++asked}`;
  context.core.send(call, id, command, anotherMs, (reply) => {
    const flow = reply?._tag === "FlowFound" ? reply.flow : null;
    found(flow !== null && context.flows.isAlive(flow) ? sourceOf(flow) : undefined);
  });
};

/** To the address that the peer gave, if it can be one. */
const direct = (
  context: Context,
  { hop, routeSet, target }: Request,
  octets: number,
  obtained: Obtained,
): void => {
  if (hop.flowOnly) return obtained(undefined);
  const place = placeOf(Dialog.path(routeSet, target).nextHop);
  if (place === undefined) return obtained(undefined);
  context.resolve(place.host, (ip) => {
    if (ip === undefined) return obtained(undefined);
    const remote = { ip, port: place.port };
    if (place.transport !== "udp") return context.flows.connect(place.transport, remote, obtained);
    if (octets <= largest) return obtained(datagram(remote));
    context.flows.upgrade(remote, (to) => obtained(to ?? datagram(remote)));
  });
};

const datagram = (remote: SocketAddress): Source => ({ transport: "udp", connection: 0, remote });
