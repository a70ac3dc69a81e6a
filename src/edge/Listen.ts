/** Errors and limits that all listeners share. */
import { Schema } from "effect";
import type { Transport } from "../../schemas/Sip.ts";

/** A listener could not be opened. */
export class ListenFailed extends Schema.TaggedError<ListenFailed>()("ListenFailed", {
  transport: Schema.String,
  ip: Schema.String,
  port: Schema.Int,
  reason: Schema.String,
  remedy: Schema.String,
}) {
  override get message(): string {
    return `cannot listen on ${this.ip}:${this.port} for ${this.transport}: ${this.reason}; ` +
      this.remedy;
  }
}

const flags: Readonly<Record<Transport | "https", string>> = {
  udp: "--sip-port",
  tcp: "--sip-port",
  tls: "--tls-port",
  wss: "--wss-port",
  https: "--https-port",
};

/** By the system's error code, or the reason that the UDP port gives. */
export const listenFailed = (
  transport: Transport | "https",
  ip: string,
  port: number,
  code: unknown,
): ListenFailed => {
  const inUse = code === "EADDRINUSE" || code === "inUse";
  const unavailable = code === "EADDRNOTAVAIL" || code === "unavailable";
  const denied = code === "EACCES" || code === "EPERM" || code === "denied";
  const reason = inUse
    ? "the port is in use by another program"
    : unavailable
    ? "this machine has no such address"
    : denied
    ? "the permission is missing"
    : String(code);
  const remedy = unavailable
    ? "give an address of this machine with --bind"
    : denied
    ? `give a port above 1023 with ${flags[transport]}`
    : `end that program, or give another port with ${flags[transport]}`;
  return new ListenFailed({ transport, ip, port, reason, remedy });
};

/** Milliseconds and octets that bound what a connection may cost. */
export interface StreamLimits {
  /** From the connection to its first message; as long may a TLS handshake take. */
  readonly firstMs: number;
  /** From the first octet of a message to its last. */
  readonly messageMs: number;
  /**
   * Without any message or keep-alive (RFC 5626 section 4.4.1 has phones ping each 95 to 120 s).
   */
  readonly idleMs: number;
  /** Between two looks at the times above. */
  readonly checkMs: number;
  /** Octets that a peer may leave unread. */
  readonly unread: number;
}

export const streamLimits: StreamLimits = {
  firstMs: 15_000,
  messageMs: 10_000,
  idleMs: 930_000,
  checkMs: 2_500,
  unread: 1_048_576,
};

/** IPv4 addresses as themselves, also where a socket of both families reports them mapped. */
export const plainAddress = (ip: string): string =>
  ip.startsWith("::ffff:") && ip.includes(".") ? ip.slice(7) : ip;
