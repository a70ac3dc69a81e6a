/** What a dialog takes from messages (RFC 3261 section 12). URIs are kept as they were written. */
import * as Header from "./Header.ts";
import type { Message, Request, Response } from "./Message.ts";
import * as Uri from "./Uri.ts";

/** Names a dialog at one of its ends; a peer of RFC 2543 may have no tag (section 12.1.1). */
export interface Id {
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
}

/** Of a request that came to us: what is local is in To. */
export const idOfRequest = (request: Request): Id => ({
  callId: request.callId,
  localTag: request.to.tag ?? "",
  remoteTag: request.from.tag ?? "",
});

/** Of a response to a request of ours: what is local is in From. */
export const idOfResponse = (response: Response): Id => ({
  callId: response.callId,
  localTag: response.from.tag ?? "",
  remoteTag: response.to.tag ?? "",
});

/**
 * The URIs of Record-Route in the order in which this end will use them (sections 12.1.1, 12.1.2):
 * as they stand for the request's receiver, reversed for its sender. `undefined`: malformed.
 */
export const routeSet = (message: Message): ReadonlyArray<string> | undefined => {
  const uris = Header.routes(message, "record-route")?.map((route) => route.uri);
  return message.kind === "request" ? uris : uris?.toReversed();
};

/**
 * The peer's Contact as a Request-URI: without headers and method, which could otherwise slip into
 * what we send. `undefined`: none, several, or malformed.
 */
export const remoteTarget = (message: Message): string | undefined => {
  const contact = Header.contact(message);
  const uri = contact === undefined ? undefined : Uri.parse(contact.uri);
  if (contact === undefined || uri === undefined) return undefined;
  const target = Uri.requestTarget(uri);
  return target === uri ? contact.uri : Uri.print(target);
};

const refreshing = new Set(["INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"]);

/** True when a request of this method replaces the remote target (sections 12.2, 6665 3.2). */
export const refreshesTarget = (method: string): boolean => refreshing.has(method);

/** True when the dialog must use `sips` (sections 12.1.1, 12.1.2). */
export const secure = (requestUri: string, overTls: boolean): boolean =>
  overTls && requestUri.slice(0, 5).toLowerCase() === "sips:";

/**
 * True when a request in a dialog is in order, given the highest number so far (section 12.2.2); if
 * not, the answer is 500. An ACK or a CANCEL has the number of its INVITE and is never compared.
 */
export const inOrder = (last: number | undefined, request: Request): boolean =>
  last === undefined || request.method === "ACK" || request.method === "CANCEL" ||
  request.cseq > last;

export interface Path {
  readonly requestUri: string;
  /** URIs for the Route headers, in order. */
  readonly routes: ReadonlyArray<string>;
  /** Where the request goes first (RFC 3263 resolves it). */
  readonly nextHop: string;
}

const isLoose = (route: string): boolean => {
  const uri = Uri.parse(route);
  return uri?.kind === "sip" && Uri.param(uri, "lr") !== undefined;
};

/** The way of a request in a dialog (section 12.2.1.1), strict routers of RFC 2543 included. */
export const path = (routeSet: ReadonlyArray<string>, remoteTarget: string): Path => {
  const first = routeSet[0];
  if (first === undefined) {
    return { requestUri: remoteTarget, routes: [], nextHop: remoteTarget };
  }
  if (isLoose(first)) return { requestUri: remoteTarget, routes: routeSet, nextHop: first };
  const uri = Uri.parse(first);
  const target = uri === undefined ? first : Uri.print(Uri.requestTarget(uri));
  return { requestUri: target, routes: [...routeSet.slice(1), remoteTarget], nextHop: target };
};
