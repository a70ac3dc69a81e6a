/**
 * Records as octets: format (1), length of the header (4), header as JSON, body. The body is sealed
 * with the header bound to it; records of the shard itself have a clear body.
 */
import { Schema } from "effect";
import { RecordHeader, recordVersion } from "../../schemas/Record.ts";
import type { Reply } from "../../schemas/Reply.ts";

/** What seals and opens bodies; the host brings it from the vault. */
export interface Sealer {
  /** Id of the key in force for a tenant. */
  readonly keyOf: (tenant: string) => string;
  readonly seal: (tenant: string, key: string, bound: Uint8Array, clear: Uint8Array) => Uint8Array;
  /** Undefined when the tenant's history was shredded; throws when it should be readable. */
  readonly open: (
    tenant: string,
    key: string,
    bound: Uint8Array,
    sealed: Uint8Array,
  ) => Uint8Array | undefined;
}

/** Body of an actor's record: what it decided, and what it answered. */
export interface Body {
  readonly events: ReadonlyArray<unknown>;
  readonly reply: Reply;
}

/** A record that cannot be read: storage fault, foreign key, or a newer version. */
export class RecordUnreadable extends Schema.TaggedError<RecordUnreadable>()("RecordUnreadable", {
  shard: Schema.Int,
  sequence: Schema.Int,
  reason: Schema.String,
}) {
  override get message(): string {
    return `record ${this.sequence} of shard ${this.shard} cannot be read: ${this.reason}; ` +
      "restore the data folder and its keys from one backup";
  }
}

const format = 1;
const prefixOctets = 5;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
const decodeHeader = Schema.decodeUnknownSync(RecordHeader);
/** Looked at first: a newer header may have another shape. */
const decodeVersion = Schema.decodeUnknownSync(Schema.Struct({ v: Schema.Int }));

/**
 * Header and body are written here first: one buffer for all, because an encoder makes new ones.
 */
let scratch = new Uint8Array(64 * 1024);

/** UTF-8 of a text into the scratch at `start`; the end of it. */
const write = (text: string, start: number): number => {
  const most = start + 3 * text.length;
  if (most > scratch.length) {
    const larger = new Uint8Array(2 * most);
    larger.set(scratch.subarray(0, start));
    scratch = larger;
  }
  return start + encoder.encodeInto(text, scratch.subarray(start)).written;
};

export const encode = (sealer: Sealer, header: RecordHeader, body: unknown): Uint8Array => {
  const headEnd = write(JSON.stringify(header), prefixOctets);
  const end = write(JSON.stringify(body), headEnd);
  const head = scratch.subarray(prefixOctets, headEnd);
  const clear = scratch.subarray(headEnd, end);
  const sealed = header.key === "" ? clear : sealer.seal(header.tenant, header.key, head, clear);
  const record = new Uint8Array(headEnd + sealed.length);
  record.set(scratch.subarray(0, headEnd));
  record[0] = format;
  new DataView(record.buffer).setUint32(1, headEnd - prefixOctets);
  record.set(sealed, headEnd);
  return record;
};

export interface Decoded {
  readonly header: RecordHeader;
  /** Undefined: shredded. */
  readonly body: unknown;
}

export const decode = (
  sealer: Sealer,
  at: { readonly shard: number; readonly sequence: number },
  record: Uint8Array,
): Decoded => {
  try {
    if (record[0] !== format) throw new Error(`record format ${record[0]} is not known here`);
    const length = record.length < prefixOctets
      ? Infinity
      : new DataView(record.buffer, record.byteOffset).getUint32(1);
    if (prefixOctets + length > record.length) throw new Error("the record was cut short");
    const head = record.subarray(prefixOctets, prefixOctets + length);
    const clearHead: unknown = JSON.parse(decoder.decode(head));
    const { v } = decodeVersion(clearHead);
    if (v > recordVersion) throw new Error(`record version ${v} is newer than ${recordVersion}`);
    const header = decodeHeader(clearHead);
    const sealed = record.subarray(prefixOctets + length);
    const clear = header.key === "" ? sealed : sealer.open(header.tenant, header.key, head, sealed);
    const body = clear === undefined ? undefined : JSON.parse(decoder.decode(clear));
    return { header, body };
  } catch (cause) {
    throw new RecordUnreadable({
      ...at,
      reason: cause instanceof Error ? cause.message : String(cause),
    });
  }
};
