/** UDP by `Deno.listenDatagram`: one receive buffer for each socket, used again for each packet. */
import { Effect } from "effect";
import * as Udp from "./Udp.ts";

/** Errors in a row after which a socket pauses: a loop of errors must not take the core. */
const maxErrors = 100;
const pauseMs = 1_000;

/** State of the packet that is being delivered; one for an adapter, since callbacks do not nest. */
interface Delivery {
  active: boolean;
  /** Sends that were begun in it: the buffer is free when they are done. */
  sent: Promise<unknown> | null;
}

const reasonOf = (error: unknown): Udp.BindReason => {
  if (error instanceof Deno.errors.AddrInUse) return "inUse";
  if (error instanceof Deno.errors.AddrNotAvailable) return "unavailable";
  if (error instanceof Deno.errors.PermissionDenied) return "denied";
  if (error instanceof Deno.errors.NotCapable) return "denied";
  return Udp.bindReason((error as { readonly code?: unknown }).code);
};

class Socket implements Udp.UdpSocket {
  readonly port: number;
  readonly #connection: Deno.DatagramConn;
  readonly #options: Udp.BindOptions;
  readonly #delivery: Delivery;
  readonly #sendFailed: () => void;
  #closed = false;
  /** The last target: most sockets have one for a whole call. */
  #target: Deno.NetAddr = { transport: "udp", hostname: "", port: 0 };

  constructor(
    connection: Deno.DatagramConn,
    options: Udp.BindOptions,
    delivery: Delivery,
  ) {
    this.#connection = connection;
    this.#options = options;
    this.#delivery = delivery;
    this.#sendFailed = () => {
      if (!this.#closed) options.failed("send");
    };
    this.port = (connection.addr as Deno.NetAddr).port;
    void this.#receive();
  }

  send(bytes: Uint8Array, length: number, ip: string, port: number): void {
    if (this.#closed) return;
    if (this.#target.port !== port || this.#target.hostname !== ip) {
      this.#target = { transport: "udp", hostname: ip, port };
    }
    const exact = bytes.length === length ? bytes : bytes.subarray(0, length);
    const sending = this.#connection.send(exact, this.#target).catch(this.#sendFailed);
    if (!this.#delivery.active) return;
    const { sent } = this.#delivery;
    this.#delivery.sent = sent === null ? sending : Promise.all([sent, sending]);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.close();
  }

  /** Gives the packet on; the promise of what it caused to be sent, if anything. */
  #deliver(bytes: Uint8Array, from: Deno.NetAddr): Promise<unknown> | null {
    if (bytes.length > this.#options.maxOctets) {
      this.#options.failed("oversize");
      return null;
    }
    const delivery = this.#delivery;
    delivery.active = true;
    try {
      this.#options.receive(bytes, bytes.length, from.hostname, from.port);
    } finally {
      delivery.active = false;
    }
    const { sent } = delivery;
    delivery.sent = null;
    return sent;
  }

  async #receive(): Promise<void> {
    // One octet more than allowed: a datagram that fills the buffer was too long.
    const buffer = new Uint8Array(this.#options.maxOctets + 1);
    let errors = 0;
    while (!this.#closed) {
      try {
        const [bytes, from] = await this.#connection.receive(buffer);
        const sent = this.#deliver(bytes, from as Deno.NetAddr);
        // The buffer is free only then; it is already so in all but a full send queue.
        if (sent !== null) await sent;
        errors = 0;
      } catch {
        if (this.#closed) return;
        errors++;
        this.#options.failed("receive");
        if (errors >= maxErrors) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  }
}

/** An adapter on Deno; needs `--unstable-net` and the net permission for the bound addresses. */
export const make = (): Udp.Udp => {
  const delivery: Delivery = { active: false, sent: null };
  return {
    bind: (options) =>
      Effect.try({
        try: () =>
          new Socket(
            Deno.listenDatagram({ transport: "udp", hostname: options.ip, port: options.port }),
            options,
            delivery,
          ),
        catch: (error) =>
          new Udp.BindFailed({ ip: options.ip, port: options.port, reason: reasonOf(error) }),
      }),
  };
};
