/**
 * Self-routing dialogs: every tag and Call-ID that we mint says where its call lives, so that any
 * edge of any region can route a request inside the dialog.
 *
 * 25 octets, 40 characters of base32: cell (2), shard (1), call (10), leg (1), salt (5), MAC (6).
 */
import type { CellId, LegId, ShardId } from "../../schemas/Ids.ts";
import * as Base32 from "./Base32.ts";
import * as Hash from "./Hash.ts";

export interface RoutingTag {
  readonly cell: CellId;
  readonly shard: ShardId;
  /** Token of the call actor, 16 characters of base32. */
  readonly call: string;
  readonly leg: LegId;
  /** The tag of a fork that was shown to the caller: requests with it are the caller's (leg 0). */
  readonly fork: boolean;
}

/** Keys that edges and cores share; the previous one stays valid for the longest call. */
export interface RoutingKeys {
  readonly current: Uint8Array;
  readonly previous: Uint8Array | null;
}

const characters = 40;
const clear = 19;
const saltOctets = 5;
const macOctets = 6;
const forkBit = 0x80;
const digits = " 0123456789abcdefghijklmnopqrstuvwxyz";

const encodeCell = (cell: CellId): number => {
  let value = 0;
  for (const digit of cell) value = value * 37 + digits.indexOf(digit);
  return value;
};

const decodeCell = (value: number): CellId => {
  let cell = "";
  for (let rest = value; rest > 0; rest = Math.floor(rest / 37)) cell = digits[rest % 37]! + cell;
  return cell;
};

const mac = (key: Uint8Array, bytes: Uint8Array): Uint8Array =>
  Hash.keyed(key, bytes.subarray(0, clear)).subarray(0, macOctets);

/** `salt`: 5 random octets, so that a peer cannot guess the tags of the other legs. */
export const mint = (keys: RoutingKeys, tag: RoutingTag, salt: Uint8Array): string => {
  const call = Base32.decode(tag.call);
  if (call === undefined || call.length !== 10 || salt.length !== saltOctets) {
    throw new RangeError("a routing tag needs a call token of 16 characters and 5 octets of salt");
  }
  const bytes = new Uint8Array(clear + macOctets);
  const cell = encodeCell(tag.cell);
  bytes[0] = cell >> 8;
  bytes[1] = cell & 255;
  bytes[2] = tag.shard;
  bytes.set(call, 3);
  bytes[13] = tag.leg | (tag.fork ? forkBit : 0);
  bytes.set(salt, 14);
  bytes.set(mac(keys.current, bytes), clear);
  return Base32.encode(bytes);
};

/** Undefined when it is not one of ours: another form, or a MAC under none of the keys. */
export const read = (keys: RoutingKeys, text: string): RoutingTag | undefined => {
  if (text.length !== characters) return undefined;
  const bytes = Base32.decode(text);
  if (bytes === undefined) return undefined;
  const given = bytes.subarray(clear);
  const genuine = Hash.sameOctets(mac(keys.current, bytes), given) ||
    (keys.previous !== null && Hash.sameOctets(mac(keys.previous, bytes), given));
  if (!genuine) return undefined;
  return {
    cell: decodeCell((bytes[0]! << 8) | bytes[1]!),
    shard: bytes[2]!,
    call: Base32.encode(bytes.subarray(3, 13)),
    leg: bytes[13]! & ~forkBit,
    fork: (bytes[13]! & forkBit) !== 0,
  };
};

/**
 * Token of the call that an INVITE makes, before any tag of ours exists: a keyed hash, so that
 * every edge sends a retransmission or the CANCEL to the same actor, and nobody else can aim at
 * one.
 */
export const callToken = (
  key: Uint8Array,
  callId: string,
  fromTag: string,
  cseq: number,
): string => {
  const data = new TextEncoder().encode(`${callId}\n${fromTag}\n${cseq}`);
  return Base32.encode(Hash.keyed(key, data).subarray(0, 10));
};
