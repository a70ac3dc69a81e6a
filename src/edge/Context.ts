/** What the parts of an edge share. */
import type { EffectBatch, EffectRef } from "../../schemas/Effect.ts";
import type { MessageRow } from "../../schemas/rpc/Rows.ts";
import type { CellId } from "../../schemas/Ids.ts";
import type { Flow, Transport } from "../../schemas/Sip.ts";
import type { Environment } from "../kernel/Environment.ts";
import type { RoutingKeys } from "../kernel/RoutingTag.ts";
import * as Text from "../kernel/Text.ts";
import type { Counters } from "../telemetry/Counters.ts";
import type { CoreLink } from "./CoreLink.ts";
import type { Flows, Source } from "./Flows.ts";
import type { KeepAlives } from "./KeepAlives.ts";
import type { Directory } from "./Realms.ts";
import type { Refusals } from "./Refusals.ts";
import type { Resolve } from "./Resolver.ts";
import type { TimerWheel } from "./TimerWheel.ts";
import type { Transactions } from "./Transactions.ts";

/** How the outside addresses a listener of this edge. */
export interface Place {
  /** An IPv6 literal in brackets. */
  readonly host: string;
  readonly port: number;
}

export interface Context {
  readonly edge: string;
  readonly incarnation: string;
  readonly environment: Environment;
  readonly counters: Counters;
  readonly refusals: Refusals;
  readonly wheel: TimerWheel;
  readonly flows: Flows;
  readonly keepAlives: KeepAlives;
  readonly transactions: Transactions;
  readonly core: CoreLink;
  readonly realms: Directory;
  readonly routing: RoutingKeys;
  /** Key of call tokens and command ids. */
  readonly callKey: Uint8Array;
  /** Shards of each cell. */
  readonly shards: (cell: CellId) => number;
  /** The listeners; undefined for a transport that is switched off. */
  readonly places: Readonly<Partial<Record<Transport, Place>>>;
  readonly trace: (row: MessageRow) => void;
  /** Something that must not happen did: for the log. */
  readonly defect: (what: string, cause: unknown) => void;
  readonly resolve: Resolve;
  /** These effects need no repetition. */
  readonly done: (batch: Pick<EffectBatch, "cell" | "shard">, ref: EffectRef) => void;
}

const protocols: Readonly<Record<Transport, string>> = {
  udp: "UDP",
  tcp: "TCP",
  tls: "TLS",
  wss: "WSS",
};

/** `host:port` that this edge names itself by over a transport. */
const sentBy = ({ places }: Context, transport: Transport): string => {
  const place = places[transport] ?? places.udp;
  return place === undefined ? "invalid" : `${place.host}:${place.port}`;
};

/** The Via of a request of ours. */
export const via = (context: Context, transport: Transport, branch: string): string =>
  `SIP/2.0/${protocols[transport]} ${sentBy(context, transport)};branch=${branch};rport`;

/** Contact with the address of this edge; `user` names the party. */
export const contact = (context: Context, transport: Transport, user: string): string => {
  const name = user === "" ? "" : `${Text.escapeUser(user)}@`;
  const suffix = transport === "udp" ? "" : `;transport=${transport === "wss" ? "ws" : transport}`;
  return `<sip:${name}${sentBy(context, transport)}${suffix}>`;
};

/** The flow of a message that came in, as the journal keeps it. */
export const flowOf = ({ edge, incarnation }: Context, source: Source): Flow => ({
  edge,
  incarnation,
  transport: source.transport,
  connection: source.connection,
  remote: source.remote,
});

const peerOf = ({ remote, transport }: Source): string =>
  `${transport} ${Text.hostOf(remote.ip)}:${remote.port}`;

/** A message on the ladder of its call. */
export const traced = (
  context: Context,
  call: string,
  direction: "in" | "out",
  peer: Source,
  line: string,
  cseq: string,
  at = context.environment.now(),
): void =>
  context.trace({
    at,
    call,
    edge: context.edge,
    direction,
    peer: peerOf(peer),
    line,
    cseq,
  });

export const methods: ReadonlyArray<string> = [
  "INVITE",
  "ACK",
  "BYE",
  "CANCEL",
  "OPTIONS",
  "REGISTER",
];

/** Headers of a response that tells what we can do (RFC 3261 sections 20.5, 20.37). */
export const capabilities: ReadonlyArray<readonly [string, string]> = [
  ["Allow", methods.join(", ")],
  ["Accept", "application/sdp"],
  ["Supported", "path"],
];
