/**
 * Where a request of ours goes: down its flow, else to the first of its route set or its target.
 */
import type { Hop } from "../../schemas/Effect.ts";
import type { SocketAddress, Transport } from "../../schemas/Sip.ts";
import * as Dialog from "../sip/Dialog.ts";
import * as Uri from "../sip/Uri.ts";
import type { Context } from "./Context.ts";
import type { Source } from "./Flows.ts";

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

/**
 * Finds the way of a request and opens it where needed. `octets`: its size, because what is larger
 * than 1,300 goes by TCP where that can be had (RFC 3261 section 18.1.1).
 */
export const obtain = (
  context: Context,
  request: {
    readonly target: string;
    readonly routeSet: ReadonlyArray<string>;
    readonly hop: Hop;
  },
  octets: number,
  obtained: Obtained,
): void => {
  const { flow, flowOnly } = request.hop;
  const alive = flow !== null && context.flows.isAlive(flow);
  if (alive && (flowOnly || flow.transport !== "udp")) {
    const { connection, remote, transport } = flow;
    return obtained({ connection, remote, transport });
  }
  if (flowOnly) return obtained(undefined);
  const place = placeOf(Dialog.path(request.routeSet, request.target).nextHop);
  if (place === undefined) return obtained(undefined);
  context.resolve(place.host, (ip) => {
    if (ip === undefined) return obtained(undefined);
    const remote = { ip, port: place.port };
    if (place.transport !== "udp") return context.flows.connect(place.transport, remote, obtained);
    if (octets <= largest) return obtained(datagram(remote));
    context.flows.connect("tcp", remote, (to) => obtained(to ?? datagram(remote)));
  });
};

const datagram = (remote: SocketAddress): Source => ({ transport: "udp", connection: 0, remote });
