/** Direction of a stream (RFC 8866 section 6.7, RFC 3264 section 5.1), seen by who describes it. */
import * as Address from "./Address.ts";
import * as Session from "./Session.ts";

export type Direction = "sendrecv" | "sendonly" | "recvonly" | "inactive";

const make = (sends: boolean, receives: boolean): Direction =>
  sends ? (receives ? "sendrecv" : "sendonly") : (receives ? "recvonly" : "inactive");

export const sends = (direction: Direction): boolean =>
  direction === "sendrecv" || direction === "sendonly";

export const receives = (direction: Direction): boolean =>
  direction === "sendrecv" || direction === "recvonly";

/** The same stream seen from the other end. */
export const reverse = (direction: Direction): Direction =>
  direction === "sendonly" ? "recvonly" : direction === "recvonly" ? "sendonly" : direction;

/** The direction of an answer (RFC 3264 section 6.1) by one who is `willing` to do so much. */
export const answer = (offered: Direction, willing: Direction): Direction =>
  make(receives(offered) && sends(willing), sends(offered) && receives(willing));

const isDirection = (name: string): name is Direction =>
  name === "sendrecv" || name === "sendonly" || name === "recvonly" || name === "inactive";

/** The direction attribute alone; undefined when there is none. */
const stated = (attributes: ReadonlyArray<Session.Attribute>): Direction | undefined => {
  for (const { name } of attributes) if (isDirection(name)) return name;
  return undefined;
};

/** `c=0.0.0.0`: the old hold, "do not send to me" (RFC 3264 section 8.4). */
export const isOldHold = (session: Session.Session, media: Session.Media): boolean => {
  const connection = Session.connectionOf(session, media);
  return connection !== null && Address.isUnspecified(connection.host);
};

/** What the describer does with the stream: attributes, hold by address and port 0 together. */
export const of = (session: Session.Session, media: Session.Media): Direction => {
  if (media.port === 0) return "inactive";
  const direction = stated(media.attributes) ?? stated(session.attributes) ?? "sendrecv";
  return isOldHold(session, media) ? make(sends(direction), false) : direction;
};

/** True when the describer wants to receive nothing on any of its live streams (hold). */
export const isHold = (session: Session.Session): boolean => {
  const live = session.media.filter((media) => media.port !== 0);
  return live.length > 0 && live.every((media) => !receives(of(session, media)));
};

/** Attributes with this direction, in the place where one was, else at the end. */
export const replace = (
  attributes: ReadonlyArray<Session.Attribute>,
  direction: Direction,
): ReadonlyArray<Session.Attribute> => {
  const at = attributes.findIndex(({ name }) => isDirection(name));
  const own = { name: direction, value: null };
  return at < 0 ? [...attributes, own] : attributes.with(at, own);
};
