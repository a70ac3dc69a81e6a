/**
 * What the suites expect of the product's outside, in one place: the fields of the CLI's JSON, the
 * names of variables, the words of causes.
 */

export interface CallRow {
  readonly call: string;
  readonly phase: string;
  readonly caller: string;
  readonly dialled: string;
  readonly startedAt: number | string;
  readonly legs: ReadonlyArray<unknown> | number;
}

export interface CdrRow {
  readonly call: string;
  readonly tenant: string;
  readonly caller: string;
  readonly callee: string;
  readonly dialled: string;
  readonly startedAt: number | string;
  readonly answeredAt: number | string | null;
  readonly endedAt: number | string;
  readonly durationMs: number;
  readonly cause: string;
  readonly endedBy: string;
  readonly status: number;
}

/** Reads all CDRs: the CLI shows the newest 1,000 unless told. */
export const allCdrs = ["cdr", "--limit", "1000000"];

/** A counter as `doctor --json` lists it. */
export interface CounterRow {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Messages that got no answer, by reason. */
export const droppedMessages = "edge_messages_dropped_total";

/** Connections that became no flow, and flows that ended, by transport and reason. */
export const refusedConnections = "edge_connections_refused_total";
export const closedConnections = "edge_connections_closed_total";

/** Final responses from 400 on, by status and cause. */
export const refusedRequests = "edge_requests_refused_total";

/** Messages that could not be read, by cause. */
export const malformedMessages = "edge_messages_malformed_total";

/** Calls that the media worker had no ports for, and calls that ended, by cause. */
export const refusedReservations = "media_reservations_refused_total";
export const endedCalls = "calls_ended_total";

/** Who ended a call, as a CDR says it. */
export const endedBy = {
  caller: "caller",
  callee: "callee",
  engine: "engine",
} as const;

export const causes = {
  hangup: "hangup",
  cancelled: "cancelled",
  busy: "busy",
  noAnswer: "noAnswer",
  notAcceptable: "notAcceptable",
  noMedia: "noMedia",
  /** A side that no longer answers, or never acknowledged. */
  lost: "lost",
} as const;

/** RTP ports of the media worker: `first-last`. */
export const rtpPorts = "TANDEM_RTP_PORTS";

/** Features that one phone can call alone. */
export const echo = "*43";
export const toneFeature = "*44";

/** Journal and projections under the data folder: what a corrupt data folder is corrupt in. */
export const isDatabase = (file: string): boolean => /\.(db|sqlite3?)$/.test(file);

export const millisOf = (time: number | string): number =>
  typeof time === "number" ? time : Date.parse(time);
