/**
 * Header names (RFC 3261 section 7.3). The canonical name is the long form in lower case; any
 * spelling, compact forms included, leads to it, so that nobody can smuggle a header past a filter.
 */
import * as Text from "../kernel/Text.ts";

/** Names that the parser knows by number; the number is the index here. 0 is every other name. */
export const known = [
  "",
  // A message may carry these only once:
  "from",
  "to",
  "call-id",
  "cseq",
  "max-forwards",
  "content-length",
  "content-type",
  "expires",
  "min-expires",
  "date",
  "event",
  "rseq",
  "rack",
  "session-expires",
  "min-se",
  "refer-to",
  "referred-by",
  "replaces",
  "content-disposition",
  "subscription-state",
  "retry-after",
  "mime-version",
  "organization",
  "priority",
  "subject",
  "user-agent",
  "server",
  "timestamp",
  // These are lists or may stand several times:
  "via",
  "contact",
  "route",
  "record-route",
  "authorization",
  "proxy-authorization",
  "www-authenticate",
  "proxy-authenticate",
  "supported",
  "require",
  "proxy-require",
  "unsupported",
  "allow",
  "allow-events",
  "accept",
  "accept-encoding",
  "accept-language",
  "content-encoding",
  "path",
  "service-route",
  "reason",
  "warning",
  "privacy",
  "p-asserted-identity",
  "p-preferred-identity",
  "diversion",
  "history-info",
  "alert-info",
  "identity",
  "accept-contact",
  "reject-contact",
  "request-disposition",
] as const;

export const FROM = 1;
export const TO = 2;
export const CALL_ID = 3;
export const CSEQ = 4;
export const MAX_FORWARDS = 5;
export const CONTENT_LENGTH = 6;
export const CONTENT_TYPE = 7;
/** The last number of a header that may stand only once (RFC 3261 section 7.3.1). */
export const LAST_SINGLE = 28;
export const VIA = 29;

/** Compact forms: RFC 3261 section 7.3.3 and the IANA registry. */
const compact: Readonly<Record<string, string>> = {
  a: "accept-contact",
  b: "referred-by",
  c: "content-type",
  d: "request-disposition",
  e: "content-encoding",
  f: "from",
  i: "call-id",
  j: "reject-contact",
  k: "supported",
  l: "content-length",
  m: "contact",
  o: "event",
  r: "refer-to",
  s: "subject",
  t: "to",
  u: "allow-events",
  v: "via",
  x: "session-expires",
  y: "identity",
};

interface Entry {
  readonly letters: Uint8Array;
  readonly id: number;
}

const size = 512;
const table: Array<Entry | undefined> = new Array(size).fill(undefined);

/** Step of the hash that the parser takes for each character of a name. */
export const hash = (h: number, c: number): number => (Math.imul(h, 37) + (c | 32)) | 0;

const enter = (spelling: string, id: number): void => {
  let h = 0;
  for (let i = 0; i < spelling.length; i++) h = hash(h, spelling.charCodeAt(i));
  let slot = h & (size - 1);
  while (table[slot] !== undefined) slot = (slot + 1) & (size - 1);
  table[slot] = { letters: Text.toBytes(spelling), id };
};

known.forEach((name, id) => id > 0 && enter(name, id));
for (const [short, long] of Object.entries(compact)) {
  enter(short, (known as ReadonlyArray<string>).indexOf(long));
}

/**
 * The number of the name in [start, end), which must be a token, by the hash of its characters.
 * Folding case with `| 32` is exact here: of all token characters only letters fold to letters.
 */
export const lookup = (octets: Uint8Array, start: number, end: number, h: number): number => {
  let slot = h & (size - 1);
  for (;;) {
    const entry = table[slot];
    if (entry === undefined) return 0;
    if (entry.letters.length === end - start) {
      let i = 0;
      while (start + i < end && (octets[start + i]! | 32) === entry.letters[i]) i++;
      if (start + i === end) return entry.id;
    }
    slot = (slot + 1) & (size - 1);
  }
};

/** The canonical name of any spelling: `v` and `VIA` are `via`. */
export const canonical = (name: string): string => {
  const lower = name.toLowerCase();
  return lower.length === 1 ? compact[lower] ?? lower : lower;
};

const irregular: Readonly<Record<string, string>> = {
  "call-id": "Call-ID",
  "cseq": "CSeq",
  "www-authenticate": "WWW-Authenticate",
  "mime-version": "MIME-Version",
  "rseq": "RSeq",
  "rack": "RAck",
  "min-se": "Min-SE",
};

/** The usual spelling of a canonical name: `record-route` is `Record-Route`. */
export const display = (canonicalName: string): string =>
  irregular[canonicalName] ??
    canonicalName.split("-").map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join("-");
