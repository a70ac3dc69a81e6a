/** Where responses go (RFC 3261 sections 18.2.1 and 18.2.2, RFC 3581). */
import type { ReplyParts } from "./Message.ts";
import * as Params from "./Params.ts";
import { same } from "./Syntax.ts";
import * as Via from "./Via.ts";

/** Where a request came from, as the socket says. */
export interface Source {
  readonly ip: string;
  readonly port: number;
}

export interface Destination {
  /** An address, or a name to resolve (RFC 3263 section 5); no brackets. */
  readonly host: string;
  readonly port: number;
}

const bare = (host: string): string => host.startsWith("[") ? host.slice(1, -1) : host;

const cursor = new Params.Cursor();

/**
 * The element with `received` and `rport` as the server knows them; everything else as it was. What
 * the sender put into `received` is dropped. With `always`, as for peers behind a NAT, the request
 * is treated as if it had asked for `rport`.
 */
export const stampVia = (via: Via.Via, source: Source, always = false): string => {
  const { params, text } = via;
  let out = text.slice(0, text.length - params.length);
  let rport = false;
  for (let i = 0; i < params.length;) {
    const after = Params.next(params, i, params.length, cursor);
    if (same(params, cursor.nameStart, cursor.nameEnd, "rport")) {
      out += `;rport=${source.port}`;
      rport = true;
    } else if (!same(params, cursor.nameStart, cursor.nameEnd, "received")) {
      out += params.slice(i, after);
    }
    i = after;
  }
  if (always && !rport) out += `;rport=${source.port}`;
  // RFC 3581 section 4: with rport also when the address is the one in sent-by.
  const moved = bare(via.host).toLowerCase() !== source.ip.toLowerCase();
  return rport || always || moved ? `${out};received=${source.ip}` : out;
};

/** What the answer repeats, with the topmost Via stamped. */
export const stamp = (parts: ReplyParts, source: Source, always = false): ReplyParts => {
  const top = parts.vias[0]!;
  const stamped = stampVia(parts.via, source, always);
  const via = Via.parse(stamped) ?? parts.via;
  // The value may be a list: what follows its first element stays.
  const rest = top.slice(top.indexOf(parts.via.text) + parts.via.text.length);
  return { ...parts, via, vias: [stamped + rest, ...parts.vias.slice(1)] };
};

const defaultPort = (transport: string): number =>
  transport === "TLS" || transport === "WSS" ? 5061 : 5060;

/**
 * Where a response with this topmost Via goes. On a connection it goes back there while it lives,
 * and here only afterwards. A `maddr` is not followed: a datagram that nobody vouched for must not
 * choose who gets its answer.
 */
export const destination = (via: Via.Via): Destination => {
  const port = via.port ?? defaultPort(via.transport);
  if (via.received === undefined) return { host: bare(via.host), port };
  const mapped = via.transport === "UDP" && via.rport !== undefined && via.rport > 0;
  return { host: bare(via.received), port: mapped ? via.rport : port };
};
