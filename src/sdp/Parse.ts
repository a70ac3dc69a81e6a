/**
 * Reads a session description (RFC 8866) in one pass. Strict about what calls depend on: a bad line
 * is an error that names it, never dropped. Tolerated: LF alone, an empty `s=`, spaces at the end
 * of a line that has fields, lines of a section in another order, empty lines at the end.
 */
import { Result } from "effect";
import * as Attribute from "./Attribute.ts";
import * as Session from "./Session.ts";

/** `line` counts from 1; 0 concerns the whole body. The cause never quotes the peer's text. */
export interface SdpRefused {
  readonly _tag: "SdpRefused";
  readonly line: number;
  readonly cause: string;
}

interface Section {
  connection: Session.Address | null;
  readonly before: Array<Session.Line>;
  readonly after: Array<Session.Line>;
  readonly attributes: Array<Session.Attribute>;
  /** What the m-line said; null in the session section. */
  readonly media: MediaLine | null;
}

type MediaLine = Pick<Session.Media, "kind" | "port" | "portCount" | "protocol" | "formats">;

interface Draft {
  lines: number;
  origin: Session.Origin | null;
  name: string | null;
  timed: boolean;
  readonly session: Section;
  readonly media: Array<Section>;
  current: Section;
}

const token = "[!#$%&'*+\\-.0-9A-Z^_`a-z{|}~]+";
const mediaLine = new RegExp(
  `^(${token}) ([0-9]+)(?:/([0-9]+))? (${token}(?:/${token})*)((?: [^ ]+)+)$`,
);
const attributeName = new RegExp(`^${token}$`);
const digits = /^[0-9]{1,64}$/;
const payloadType = /^(?:[0-9]|[1-9][0-9]|1[01][0-9]|12[0-7])$/;

const section = (media: MediaLine | null): Section => ({
  connection: null,
  before: [],
  after: [],
  attributes: [],
  media,
});

const fields = (value: string): ReadonlyArray<string> => value.trimEnd().split(" ");

const address = (
  net: string | undefined,
  type: string | undefined,
  host: string | undefined,
): Session.Address | undefined =>
  net === "IN" && (type === "IP4" || type === "IP6") && host !== undefined && host !== "" &&
    host.length <= 255
    ? { type, host }
    : undefined;

const readOrigin = (draft: Draft, value: string): string | undefined => {
  const [username, sessionId, version, net, type, host, ...more] = fields(value);
  const at = address(net, type, host);
  if (at === undefined || more.length > 0) return "o= is not 'user id version IN IP4|IP6 address'";
  if (username === undefined || username === "") return "o= has no username";
  if (!digits.test(sessionId ?? "") || !digits.test(version ?? "")) {
    return "o= id and version are not digits";
  }
  draft.origin = { username, sessionId: sessionId ?? "", version: version ?? "", address: at };
  return undefined;
};

const readConnection = (draft: Draft, value: string): string | undefined => {
  const [net, type, host, ...more] = fields(value);
  const at = address(net, type, host);
  if (at === undefined || more.length > 0) return "c= is not 'IN IP4|IP6 address'";
  if (draft.current.connection !== null) return "second c= of a section (layered multicast)";
  draft.current.connection = at;
  return undefined;
};

/** Which part of an m-line is wrong; called only after the whole did not match. */
const mediaCause = (value: string): string => {
  const [kind, port, protocol, ...formats] = value.split(" ");
  if (!attributeName.test(kind ?? "")) return "m= has no media type";
  if (!/^[0-9]+(?:\/[0-9]+)?$/.test(port ?? "")) return "m= port is not a number";
  if (protocol === undefined || protocol === "") return "m= has no protocol";
  return formats.length === 0 ? "m= has no format" : "m= is malformed";
};

const readMedia = (draft: Draft, value: string): string | undefined => {
  const line = value.trimEnd();
  const match = mediaLine.exec(line);
  if (match === null) return mediaCause(line);
  if (draft.media.length === Session.limits.media) {
    return `more than ${Session.limits.media} media sections`;
  }
  const [, kind = "", portText = "", countText, protocol = "", list = ""] = match;
  const port = Number(portText);
  const portCount = countText === undefined ? 1 : Number(countText);
  if (port > 65_535) return "m= port is not in 0 ... 65535";
  if (portCount < 1 || portCount > 65_535) return "m= port count is not in 1 ... 65535";
  const formats = list.slice(1).split(" ");
  if (formats.length > Session.limits.formats) {
    return `m= has over ${Session.limits.formats} formats`;
  }
  if (Session.isRtp(protocol)) {
    for (const format of formats) {
      if (!payloadType.test(format)) return "m= format is not a payload type of 0 ... 127";
    }
  }
  draft.current = section({ kind, port, portCount, protocol, formats });
  draft.media.push(draft.current);
  return undefined;
};

const readAttribute = (draft: Draft, text: string): string | undefined => {
  const { attributes, media } = draft.current;
  if (attributes.length === Session.limits.attributes) {
    return `more than ${Session.limits.attributes} attributes in a section`;
  }
  const colon = text.indexOf(":");
  const name = colon < 0 ? text : text.slice(0, colon);
  if (!attributeName.test(name)) return "a= has no valid name";
  const value = colon < 0 ? null : text.slice(colon + 1);
  attributes.push({ name, value });
  return media !== null && Session.isRtp(media.protocol) ? Attribute.fault(name, value) : undefined;
};

const readOther = (draft: Draft, type: string, value: string): string | undefined => {
  if (!/[a-zA-Z]/.test(type)) return "line has no type letter";
  if (type === "t" && draft.current === draft.session) draft.timed = true;
  const { before, after } = draft.current;
  (Session.precedesConnection(type) ? before : after).push({ type, value });
  return undefined;
};

/** The first three lines are `v=0`, `o=` and `s=` (section 5). */
const readHead = (draft: Draft, type: string, value: string): string | undefined => {
  if (draft.lines === 1) return type === "v" && value === "0" ? undefined : "first line is not v=0";
  if (draft.lines === 2) return type === "o" ? readOrigin(draft, value) : "second line is not o=";
  if (type !== "s") return "third line is not s=";
  draft.name = value.trim();
  return undefined;
};

const readLine = (draft: Draft, line: string): string | undefined => {
  if (line.charCodeAt(1) !== 61) return line === "" ? "empty line" : "line is not <type>=<value>";
  const type = line.charAt(0);
  const value = line.slice(2);
  if (draft.lines <= 3) return readHead(draft, type, value);
  switch (type) {
    case "a":
      return readAttribute(draft, value);
    case "m":
      return readMedia(draft, value);
    case "c":
      return readConnection(draft, value);
    case "v":
    case "o":
    case "s":
      return `second ${type}=`;
    default:
      return readOther(draft, type, value);
  }
};

const linesOf = ({ before, after }: Section): ReadonlyArray<Session.Line> =>
  before.length === 0 ? after : before.concat(after);

const mediaOf = (part: Section): ReadonlyArray<Session.Media> =>
  part.media === null ? [] : [{
    ...part.media,
    connection: part.connection,
    lines: linesOf(part),
    attributes: part.attributes,
  }];

const refused = (line: number, cause: string): Result.Result<Session.Session, SdpRefused> =>
  Result.fail({ _tag: "SdpRefused", line, cause });

const finish = (draft: Draft): Result.Result<Session.Session, SdpRefused> => {
  if (draft.origin === null || draft.name === null) return refused(0, "no v=, o= and s= lines");
  if (!draft.timed) return refused(0, "no t= line");
  const { session } = draft;
  if (session.connection === null) {
    // Section 5.7: each media section needs an address of its own then.
    for (const part of draft.media) {
      if (part.connection === null && part.media?.port !== 0) {
        return refused(0, "a media section has no c= line");
      }
    }
  }
  return Result.succeed({
    origin: draft.origin,
    name: draft.name,
    connection: session.connection,
    lines: linesOf(session),
    attributes: session.attributes,
    media: draft.media.flatMap(mediaOf),
  });
};

/** A description, or the line and cause of its refusal. Never throws; bounded by `limits`. */
export const parse = (body: string): Result.Result<Session.Session, SdpRefused> => {
  if (body.length > Session.limits.characters) return refused(0, "description is too long");
  if (body.includes("\0")) return refused(0, "description holds a NUL");
  const top = section(null);
  const draft: Draft = {
    lines: 0,
    origin: null,
    name: null,
    timed: false,
    session: top,
    media: [],
    current: top,
  };
  let start = 0;
  let cr = body.indexOf("\r");
  while (start < body.length) {
    draft.lines++;
    if (draft.lines > Session.limits.lines) return refused(draft.lines, "too many lines");
    const lf = body.indexOf("\n", start);
    const next = lf < 0 ? body.length : lf;
    if (cr >= 0 && cr < start) cr = body.indexOf("\r", start);
    const stop = cr >= 0 && cr < next ? cr : next;
    if (stop < next - 1 || (stop < next && lf < 0)) return refused(draft.lines, "CR without LF");
    // Some phones end the body with an empty line.
    if (stop === start && body.slice(start).trim() === "") break;
    const cause = readLine(draft, body.slice(start, stop));
    if (cause !== undefined) return refused(draft.lines, cause);
    start = next + 1;
  }
  return finish(draft);
};
