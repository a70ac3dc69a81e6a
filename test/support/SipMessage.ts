/**
 * SIP text as a test peer needs it. Written apart from `src/sip` on purpose: evidence about the
 * product must not rest on the product's own parser. Texts hold one byte for each character.
 */

export interface Address {
  readonly ip: string;
  readonly port: number;
}

export interface Message {
  readonly text: string;
  readonly start: string;
  /** Of a response. */
  readonly status: number | undefined;
  /** Of a request its own, of a response that of its CSeq. */
  readonly method: string;
  readonly isRequest: boolean;
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  readonly body: string;
  /** When it arrived, by the monotonic clock. */
  readonly atMs: number;
  readonly from: Address;
}

const compact: Readonly<Record<string, string>> = {
  v: "via",
  f: "from",
  t: "to",
  i: "call-id",
  m: "contact",
  l: "content-length",
  c: "content-type",
  k: "supported",
  e: "content-encoding",
  s: "subject",
};

const plainName = (name: string): string => {
  const lower = name.trim().toLowerCase();
  return compact[lower] ?? lower;
};

export const parse = (text: string, from: Address, atMs: number): Message => {
  const end = text.indexOf("\r\n\r\n");
  const head = end === -1 ? text : text.slice(0, end);
  const [start = "", ...lines] = head.replace(/\r\n[ \t]+/g, " ").split("\r\n");
  const headers = lines.map((line): readonly [string, string] => {
    const colon = line.indexOf(":");
    return [plainName(line.slice(0, colon)), line.slice(colon + 1).trim()];
  });
  const isRequest = !start.startsWith("SIP/2.0 ");
  const cseq = headers.find(([name]) => name === "cseq")?.[1] ?? "";
  return {
    text,
    start,
    status: isRequest ? undefined : Number(start.split(" ")[1]),
    method: isRequest ? start.split(" ")[0] ?? "" : cseq.split(/\s+/)[1] ?? "",
    isRequest,
    headers,
    body: end === -1 ? "" : text.slice(end + 4),
    atMs,
    from,
  };
};

export const all = (message: Message, name: string): ReadonlyArray<string> =>
  message.headers.filter(([known]) => known === name.toLowerCase()).map(([, value]) => value);

/** The first value of a header, or an empty text. */
export const header = (message: Message, name: string): string => all(message, name)[0] ?? "";

export const tagOf = (value: string): string => /;\s*tag=([^;>\s]+)/i.exec(value)?.[1] ?? "";

/** The URI of a name-addr or addr-spec. */
export const uriOf = (value: string): string =>
  /<([^>]*)>/.exec(value)?.[1] ?? value.split(";")[0]?.trim() ?? "";

/** Header values of a comma-separated list whose URIs stand in angle brackets. */
export const list = (values: ReadonlyArray<string>): ReadonlyArray<string> =>
  values.flatMap((value) => value.split(/,(?=\s*(?:"[^"]*"\s*)?[^,<>]*<)/))
    .map((value) => value.trim());

export type Headers = ReadonlyArray<readonly [name: string, value: string]>;

/** Adds Content-Length, unless the caller states one. */
export const format = (start: string, headers: Headers, body = ""): string => {
  const stated = headers.some(([name]) => /^(content-length|l)$/i.test(name.trim()));
  const length: Headers = stated ? [] : [["Content-Length", String(body.length)]];
  const lines = [...headers, ...length].map(([name, value]) => `${name}: ${value}`);
  return [start, ...lines, "", body].join("\r\n");
};

/** A response to a request, with the headers that RFC 3261 section 8.2.6.2 copies. */
export const respond = (
  request: Message,
  status: string,
  options: { readonly toTag?: string; readonly headers?: Headers; readonly body?: string } = {},
): string => {
  const to = header(request, "to");
  const tagged = options.toTag === undefined || tagOf(to) !== ""
    ? to
    : `${to};tag=${options.toTag}`;
  return format(`SIP/2.0 ${status}`, [
    ...all(request, "via").map((via): readonly [string, string] => ["Via", via]),
    ...all(request, "record-route").map((one): readonly [string, string] => ["Record-Route", one]),
    ["From", header(request, "from")],
    ["To", tagged],
    ["Call-ID", header(request, "call-id")],
    ["CSeq", header(request, "cseq")],
    ...(options.headers ?? []),
  ], options.body);
};

/** A session description with one audio stream. */
export const audio = (
  options: {
    readonly ip: string;
    readonly port: number;
    readonly direction?: "sendrecv" | "sendonly" | "recvonly" | "inactive";
    readonly version?: number;
    readonly codecs?: ReadonlyArray<string>;
  },
): string => {
  const codecs = options.codecs ?? ["0 PCMU/8000", "8 PCMA/8000", "101 telephone-event/8000"];
  return [
    "v=0",
    `o=- 4711 ${options.version ?? 1} IN IP4 ${options.ip}`,
    "s=-",
    `c=IN IP4 ${options.ip}`,
    "t=0 0",
    `m=audio ${options.port} RTP/AVP ${codecs.map((codec) => codec.split(" ")[0]).join(" ")}`,
    ...codecs.map((codec) => `a=rtpmap:${codec}`),
    `a=${options.direction ?? "sendrecv"}`,
    "",
  ].join("\r\n");
};

/** Address and port of the first audio stream. */
export const audioTarget = (sdp: string): Address => ({
  ip: /^c=IN IP[46] (\S+)/m.exec(sdp)?.[1] ?? "",
  port: Number(/^m=audio (\d+)/m.exec(sdp)?.[1] ?? 0),
});

const letters = "abcdefghijklmnopqrstuvwxyz0123456789";

export const token = (length = 12): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(length)), (byte) => letters[byte % 36]).join("");

export const branch = (): string => `z9hG4bK${token()}`;
