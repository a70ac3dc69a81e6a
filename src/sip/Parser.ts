/**
 * Octets to messages (RFC 3261 sections 7 and 25) in one scan from left to right. Every character
 * is looked at a bounded number of times, whatever it is.
 *
 * Strict where two readers could disagree: line ends are CRLF, no control character stands outside
 * a quoted pair, one start line has exactly two spaces, one Content-Length.
 */
import * as Address from "./Address.ts";
import * as HeaderName from "./HeaderName.ts";
import * as Limits from "./Limits.ts";
import type { KeepAlive, Malformed, Message, Parsed } from "./Message.ts";
import * as Salvage from "./Salvage.ts";
import { number, skip, skipSpace, tokenChar, unfold, uriChar } from "./Syntax.ts";
import * as Text from "../kernel/Text.ts";
import * as Via from "./Via.ts";

const CR = 13;
const LF = 10;
const TAB = 9;
const SPACE = 32;
const COLON = 58;
const BACKSLASH = 92;

const isSpace = (c: number): boolean => c === SPACE || c === TAB;

/** Largest CSeq number: it must stay below 2^31 (RFC 3261 section 8.1.1.5). */
const maxCseq = 0x7fffffff;

/** `head`: a stream's text up to its empty line; the body is to follow (`complete`). */
export type Mode = "datagram" | "head";

const ping: KeepAlive = { kind: "keepAlive", ping: true };
const pong: KeepAlive = { kind: "keepAlive", ping: false };

/** A message with its body, which came after the head. */
export const complete = (message: Message, body: string): Message => ({ ...message, body });

/** Reads one message. Total: any octets give a result, and the array may be reused afterwards. */
export const parse = (
  octets: Uint8Array,
  limits: Limits.Limits = Limits.defaults,
  mode: Mode = "datagram",
): Parsed => {
  let start = 0;
  while (start + 1 < octets.length && octets[start] === CR && octets[start + 1] === LF) start += 2;
  if (start === octets.length && start > 0) return start > 2 ? ping : pong;
  const scan = new Scan(octets, limits);
  if (octets.length > limits.datagram) {
    scan.fail(513, `message of more than ${limits.datagram} octets`);
  } else {
    scan.message(start, mode);
  }
  return scan.result() ?? malformed(scan, start);
};

/** The refusal of octets that were not read to their end. */
export const refuse = (
  octets: Uint8Array,
  status: number,
  reason: string,
  limits: Limits.Limits = Limits.defaults,
): Malformed => {
  const reply = Salvage.replyParts(Text.fromBytes(octets), 0, limits);
  return { kind: "malformed", status, reason, reply };
};

const malformed = (scan: Scan, start: number): Malformed => ({
  kind: "malformed",
  status: scan.errorStatus,
  reason: scan.error,
  reply: Salvage.replyParts(scan.text, start, scan.limits),
});

/** Field numbers of the message in hand; one flat array, because it is copied for each message. */
const located: Array<number> = [];

class Scan {
  readonly octets: Uint8Array;
  readonly text: string;
  readonly limits: Limits.Limits;
  errorStatus = 0;
  error = "";
  /** "" for a response. */
  method = "";
  uri = "";
  status = 0;
  reason = "";
  via: Via.Via | undefined = undefined;
  vias = 0;
  from: Address.Address | undefined = undefined;
  to: Address.Address | undefined = undefined;
  callId = "";
  cseq = -1;
  cseqMethod = "";
  maxForwards: number | undefined = undefined;
  contentLength: number | undefined = undefined;
  contentType: string | undefined = undefined;
  body = "";
  fieldCount = 0;
  /** Of the header in hand. */
  valueStart = 0;
  valueEnd = 0;
  folded = 0;

  constructor(octets: Uint8Array, limits: Limits.Limits) {
    this.octets = octets;
    this.text = Text.fromBytes(octets);
    this.limits = limits;
  }

  fail(status: number, reason: string): -1 {
    this.errorStatus = status;
    this.error = reason;
    return -1;
  }

  message(start: number, mode: Mode): void {
    let i = this.startLine(start);
    while (i !== -1) {
      if (this.text.charCodeAt(i) === CR && this.text.charCodeAt(i + 1) === LF) break;
      i = this.header(i);
    }
    if (i === -1) return;
    const head = i + 2;
    if (head - start > this.limits.head) {
      this.fail(513, `headers of more than ${this.limits.head} octets`);
    } else if (this.mandatory()) {
      this.takeBody(head, mode);
    }
  }

  /** Index after the start line, or -1. */
  startLine(start: number): number {
    const { text, limits } = this;
    if (text.startsWith("SIP/", start)) return this.statusLine(start);
    const methodEnd = skip(tokenChar, text, start, text.length);
    if (methodEnd === start || text.charCodeAt(methodEnd) !== SPACE) {
      return this.fail(400, "start line does not begin with a method and one space");
    }
    if (methodEnd - start > limits.method) {
      return this.fail(400, `method of more than ${limits.method} octets`);
    }
    const uriEnd = skip(uriChar, text, methodEnd + 1, text.length);
    if (uriEnd - methodEnd - 1 > limits.uri) {
      return this.fail(414, `Request-URI of more than ${limits.uri} octets`);
    }
    if (uriEnd === methodEnd + 1 || text.charCodeAt(uriEnd) !== SPACE) {
      return this.fail(400, "start line has no Request-URI between two single spaces");
    }
    this.method = text.slice(start, methodEnd);
    this.uri = text.slice(methodEnd + 1, uriEnd);
    if (text.startsWith("SIP/2.0\r\n", uriEnd + 1)) return uriEnd + 10;
    return this.version(uriEnd + 1);
  }

  /** The uncommon rest of a request line: another case, another version, or no version at all. */
  version(start: number): number {
    const lineEnd = this.text.indexOf("\r\n", start);
    const version = this.text.slice(start, lineEnd === -1 ? start : Math.min(lineEnd, start + 16));
    if (version.toUpperCase() === "SIP/2.0") return lineEnd + 2;
    return /^SIP\/\d+\.\d+$/i.test(version)
      ? this.fail(505, "SIP version is not 2.0")
      : this.fail(400, "start line does not end with SIP/2.0");
  }

  statusLine(start: number): number {
    const { text } = this;
    const lineEnd = text.indexOf("\r\n", start);
    const status = number(text, start + 8, start + 11, 699);
    if (lineEnd === -1 || !text.startsWith("SIP/2.0 ", start) || status < 100) {
      return this.fail(400, "status line is not SIP/2.0 and a code from 100 to 699");
    }
    // Many omit the space before an empty reason phrase; nothing else can be meant.
    if (text.charCodeAt(start + 11) !== SPACE && lineEnd !== start + 11) {
      return this.fail(400, "status code is not three digits");
    }
    if (lineEnd - start > this.limits.line) {
      return this.fail(400, `line of more than ${this.limits.line} octets`);
    }
    for (let i = start + 11; i < lineEnd; i++) {
      const c = text.charCodeAt(i);
      if (c < SPACE && c !== TAB) return this.fail(400, "control character in the reason phrase");
    }
    this.status = status;
    this.reason = text.slice(start + 12, Math.max(start + 12, lineEnd));
    return lineEnd + 2;
  }

  /** Index after the header that starts at `start`, or -1. */
  header(start: number): number {
    const { octets } = this;
    const end = octets.length;
    let i = start;
    let hash = 0;
    while (i < end && tokenChar[octets[i]!] === 1) hash = HeaderName.hash(hash, octets[i++]!);
    const nameEnd = i;
    while (i < end && isSpace(octets[i]!)) i++;
    if (i >= end || octets[i] !== COLON || nameEnd === start) return this.nameless(start, nameEnd);
    const lineEnd = this.value(i + 1);
    if (lineEnd === -1) return -1;
    if (lineEnd - start > this.limits.line) {
      return this.fail(400, `header of more than ${this.limits.line} octets`);
    }
    const id = HeaderName.lookup(octets, start, nameEnd, hash);
    return this.locate(id, start, nameEnd) ? lineEnd : -1;
  }

  /** Finds the value that starts at `i`, folds included. Index after its line end, or -1. */
  value(i: number): number {
    const { octets } = this;
    const end = octets.length;
    while (i < end && isSpace(octets[i]!)) i++;
    this.valueStart = i;
    this.valueEnd = i;
    this.folded = 0;
    while (i < end) {
      const c = octets[i]!;
      if (c > 31) {
        i++;
      } else if (c === CR && i + 1 < end && octets[i + 1] === LF) {
        let last = i;
        while (last > this.valueEnd && isSpace(octets[last - 1]!)) last--;
        this.valueEnd = last;
        i += 2;
        if (i >= end || !isSpace(octets[i]!)) return i;
        while (i < end && isSpace(octets[i]!)) i++;
        // Some take a line of white space for the end of the headers, others do not.
        if (i < end && octets[i] === CR) return this.fail(400, "continuation line without content");
        // A fold before the first character is no part of the value.
        if (this.valueEnd === this.valueStart) this.valueStart = this.valueEnd = i;
        else this.folded = 1;
      } else if (c === TAB || (c !== CR && c !== LF && octets[i - 1] === BACKSLASH)) {
        i++;
      } else {
        return this.fail(400, "control character or bare line end in a header");
      }
    }
    return this.fail(400, "no empty line after the headers");
  }

  nameless(start: number, nameEnd: number): number {
    if (start >= this.octets.length) return this.fail(400, "no empty line after the headers");
    return nameEnd === start
      ? this.fail(400, "header line without a name")
      : this.fail(400, "header name is not a token followed by a colon");
  }

  locate(id: number, nameStart: number, nameEnd: number): boolean {
    const { folded, valueStart, valueEnd } = this;
    if (this.fieldCount === this.limits.headers) {
      this.fail(400, `more than ${this.limits.headers} headers`);
      return false;
    }
    const at = this.fieldCount++ * 5;
    located[at] = id * 2 + folded;
    located[at + 1] = nameStart;
    located[at + 2] = nameEnd;
    located[at + 3] = valueStart;
    located[at + 4] = valueEnd;
    if (id === 0 || (id > HeaderName.CONTENT_TYPE && id !== HeaderName.VIA)) return true;
    if (folded === 0) return this.read(id, this.text, valueStart, valueEnd);
    const value = unfold(this.text.slice(valueStart, valueEnd));
    return this.read(id, value, 0, value.length);
  }

  /** Reads a header that every message needs; of several the first counts (Validate refuses). */
  read(id: number, text: string, start: number, end: number): boolean {
    if ((id <= HeaderName.TO || id === HeaderName.VIA) && end - start > this.limits.repeated) {
      this.fail(400, `Via, From or To of more than ${this.limits.repeated} octets`);
      return false;
    }
    switch (id) {
      case HeaderName.VIA:
        return this.readVia(text, start, end);
      case HeaderName.FROM:
        if (this.from === undefined) this.from = this.address("From", text, start, end);
        return this.from !== undefined;
      case HeaderName.TO:
        if (this.to === undefined) this.to = this.address("To", text, start, end);
        return this.to !== undefined;
      case HeaderName.CALL_ID:
        return this.callId !== "" || this.readCallId(text, start, end);
      case HeaderName.CSEQ:
        return this.cseq !== -1 || this.readCseq(text, start, end);
      case HeaderName.MAX_FORWARDS:
        if (this.maxForwards !== undefined) return true;
        this.maxForwards = number(text, start, end, 255);
        return this.maxForwards !== -1 ||
          this.fail(400, "Max-Forwards is not a number from 0 to 255") !== -1;
      case HeaderName.CONTENT_LENGTH:
        return this.readContentLength(text, start, end);
      default:
        this.contentType ??= text.slice(start, end);
        return true;
    }
  }

  readVia(text: string, start: number, end: number): boolean {
    if (++this.vias > this.limits.vias) {
      this.fail(400, `more than ${this.limits.vias} Via`);
      return false;
    }
    if (this.vias > 1) return true;
    this.via = Via.parse(text, start, end);
    if (this.via === undefined) {
      this.fail(400, "Via is malformed");
      return false;
    }
    return this.token("branch", this.via.branch);
  }

  token(what: string, value: string | undefined): boolean {
    if (value === undefined || value.length <= this.limits.token) return true;
    this.fail(400, `${what} of more than ${this.limits.token} octets`);
    return false;
  }

  address(what: string, text: string, start: number, end: number): Address.Address | undefined {
    const address = Address.parse(text, start, end);
    if (address === undefined) {
      this.fail(400, `${what} is malformed`);
      return undefined;
    }
    if (address.uri.length > this.limits.uri) {
      this.fail(400, `URI in ${what} of more than ${this.limits.uri} octets`);
      return undefined;
    }
    return this.token(`${what} tag`, address.tag) ? address : undefined;
  }

  readCallId(text: string, start: number, end: number): boolean {
    this.callId = text.slice(start, end);
    for (let i = start; i < end; i++) {
      const c = text.charCodeAt(i);
      if (c <= SPACE || c > 126) return this.fail(400, "Call-ID is malformed") !== -1;
    }
    if (start === end) return this.fail(400, "Call-ID is empty") !== -1;
    return this.token("Call-ID", this.callId);
  }

  readCseq(text: string, start: number, end: number): boolean {
    const digits = skip(tokenChar, text, start, end);
    this.cseq = number(text, start, digits, maxCseq);
    if (this.cseq === -1) {
      return this.fail(400, "CSeq is not a number below 2^31 and a method") !== -1;
    }
    const method = skipSpace(text, digits, end);
    const methodEnd = skip(tokenChar, text, method, end);
    if (method === digits || methodEnd !== end || method === end) {
      return this.fail(400, "CSeq is not a number below 2^31 and a method") !== -1;
    }
    if (end - method > this.limits.method) {
      return this.fail(400, `CSeq method of more than ${this.limits.method} octets`) !== -1;
    }
    this.cseqMethod = text.slice(method, end);
    return true;
  }

  readContentLength(text: string, start: number, end: number): boolean {
    if (this.contentLength !== undefined) {
      return this.fail(400, "more than one Content-Length") !== -1;
    }
    this.contentLength = number(text, start, end, 999_999_999);
    return this.contentLength !== -1 ||
      this.fail(400, "Content-Length is not a number of octets") !== -1;
  }

  mandatory(): boolean {
    const missing = this.via === undefined
      ? "Via"
      : this.from === undefined
      ? "From"
      : this.to === undefined
      ? "To"
      : this.callId === ""
      ? "Call-ID"
      : this.cseq === -1
      ? "CSeq"
      : "";
    return missing === "" || this.fail(400, `no ${missing}`) !== -1;
  }

  /** RFC 3261 section 18.3. */
  takeBody(head: number, mode: Mode): void {
    const { contentLength, limits, text } = this;
    const available = text.length - head;
    const length = contentLength ?? available;
    if (mode === "head" && contentLength === undefined) {
      this.fail(400, "no Content-Length on a stream");
    } else if (mode === "datagram" && length > available) {
      this.fail(400, "Content-Length is larger than the datagram");
    } else if (length > limits.body) {
      this.fail(413, `body of more than ${limits.body} octets`);
    } else if (mode === "datagram") {
      this.body = text.slice(head, head + length);
    }
  }

  result(): Message | undefined {
    if (this.error !== "") return undefined;
    const fields = located.slice(0, this.fieldCount * 5);
    const via = this.via!;
    const from = this.from!;
    const to = this.to!;
    const { text, callId, cseq, cseqMethod, maxForwards, contentLength, contentType, body } = this;
    return this.method === ""
      ? {
        kind: "response",
        status: this.status,
        reason: this.reason,
        text,
        fields,
        via,
        from,
        to,
        callId,
        cseq,
        cseqMethod,
        maxForwards,
        contentLength,
        contentType,
        body,
      }
      : {
        kind: "request",
        method: this.method,
        uri: this.uri,
        text,
        fields,
        via,
        from,
        to,
        callId,
        cseq,
        cseqMethod,
        maxForwards,
        contentLength,
        contentType,
        body,
      };
  }
}
