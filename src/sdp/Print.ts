/** Writes a session description (RFC 8866) with CRLF, sections in the order of section 5. */
import * as Session from "./Session.ts";

const address = ({ type, host }: Session.Address): string => `IN ${type} ${host}`;

const section = (
  connection: Session.Address | null,
  lines: ReadonlyArray<Session.Line>,
  attributes: ReadonlyArray<Session.Attribute>,
): string => {
  let text = "";
  let at = 0;
  for (; at < lines.length; at++) {
    const line = lines[at];
    if (line === undefined || !Session.precedesConnection(line.type)) break;
    text += `${line.type}=${line.value}\r\n`;
  }
  if (connection !== null) text += `c=${address(connection)}\r\n`;
  for (; at < lines.length; at++) {
    const line = lines[at];
    if (line !== undefined) text += `${line.type}=${line.value}\r\n`;
  }
  for (const { name, value } of attributes) {
    text += value === null ? `a=${name}\r\n` : `a=${name}:${value}\r\n`;
  }
  return text;
};

const media = (one: Session.Media): string => {
  const port = one.portCount === 1 ? `${one.port}` : `${one.port}/${one.portCount}`;
  return `m=${one.kind} ${port} ${one.protocol} ${one.formats.join(" ")}\r\n` +
    section(one.connection, one.lines, one.attributes);
};

/** The text of a description: `parse(print(s))` is `s`. */
export const print = (session: Session.Session): string => {
  const { username, sessionId, version, address: at } = session.origin;
  let text =
    `v=0\r\no=${username} ${sessionId} ${version} ${address(at)}\r\ns=${session.name}\r\n` +
    section(session.connection, session.lines, session.attributes);
  for (const one of session.media) text += media(one);
  return text;
};
