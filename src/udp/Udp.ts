/**
 * Port of UDP, for SIP and media. Binding is an effect; packets are plain calls, because a packet
 * must cost no fiber, promise or object beyond what the socket's own interface forces.
 */
import { type Effect, Schema } from "effect";

/** `inUse`: another program has the port. `full`: no descriptor or buffer is left. */
export const BindReason = Schema.Literals(["inUse", "denied", "unavailable", "full", "unknown"]);
export type BindReason = typeof BindReason.Type;

const reasons: Readonly<Record<BindReason, string>> = {
  inUse: "another program has it",
  denied: "the permission is missing",
  unavailable: "this machine has no such address",
  full: "no descriptor or buffer is left",
  unknown: "the system does not say why",
};

export class BindFailed extends Schema.TaggedError<BindFailed>()("BindFailed", {
  ip: Schema.String,
  port: Schema.Int,
  reason: BindReason,
}) {
  override get message(): string {
    return `UDP port ${this.port} of ${this.ip} cannot be bound: ${reasons[this.reason]}`;
  }
}

/**
 * One datagram. The octets are the adapter's buffer: they may be changed in place and are valid
 * until the call returns. A batch is several calls in a row.
 */
export type Receive = (bytes: Uint8Array, length: number, ip: string, port: number) => void;

/** What an adapter could not do with one datagram. */
export type Failure = "oversize" | "receive" | "send";

export interface BindOptions {
  readonly ip: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** A longer datagram is not received, but reported as `oversize`. */
  readonly maxOctets: number;
  readonly receive: Receive;
  readonly failed: (failure: Failure) => void;
}

export interface UdpSocket {
  readonly port: number;
  /**
   * Sends the first `length` octets, perhaps only after this returns: within a receive call the
   * array may be used again when that has returned, otherwise not before the next timer. Sends of
   * one turn of the event loop may overtake each other.
   */
  readonly send: (bytes: Uint8Array, length: number, ip: string, port: number) => void;
  readonly close: () => void;
}

export interface Udp {
  readonly bind: (options: BindOptions) => Effect.Effect<UdpSocket, BindFailed>;
}

/** The reason of a bind error by the system's code. */
export const bindReason = (code: unknown): BindReason => {
  switch (code) {
    case "EADDRINUSE":
      return "inUse";
    case "EACCES":
    case "EPERM":
      return "denied";
    case "EADDRNOTAVAIL":
      return "unavailable";
    case "EMFILE":
    case "ENFILE":
    case "ENOBUFS":
    case "ENOMEM":
      return "full";
    default:
      return "unknown";
  }
};
