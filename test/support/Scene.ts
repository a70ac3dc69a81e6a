/** Scenes that most suites need: phones that are registered, and the good call after bad input. */
import { expect } from "vitest";
import { domain, secretOf } from "./Directory.ts";
import type { Call } from "./Dialog.ts";
import type { Engine } from "./Engine.ts";
import * as Phone from "./Phone.ts";
import type * as Sip from "./SipMessage.ts";

export interface PhoneOptions {
  readonly transport?: "udp" | "tcp" | "tls" | "wss";
  readonly ip?: string;
  readonly port?: number;
  readonly secret?: string;
  readonly contact?: string;
}

/** Where an engine takes this transport, and by which certificate it is known. */
const doorOf = (engine: Engine, transport: PhoneOptions["transport"]) =>
  transport === "tls"
    ? { engine: engine.tls, ca: engine.certificate() }
    : transport === "wss"
    ? { engine: engine.wss, ca: engine.certificate() }
    : { engine: engine.sip };

/** A phone that has not registered. */
export const phone = (
  engine: Engine,
  extension: string,
  options: PhoneOptions = {},
): Promise<Phone.Phone> =>
  Phone.make({
    ...doorOf(engine, options.transport),
    domain,
    extension,
    secret: secretOf(extension),
    ...options,
  });

/** A registered phone over a connection of which the caller decides when it is lost. */
export const connected = async (
  engine: Engine,
  extension: string,
  options: PhoneOptions & { readonly transport: "tcp" | "tls" | "wss" },
): Promise<Phone.Connected> => {
  const made = await Phone.connected({
    ...doorOf(engine, options.transport),
    domain,
    extension,
    secret: secretOf(extension),
    ...options,
  });
  await alone(made, extension);
  return made;
};

/** A phone that is its extension's only one: what other tests left is removed first. */
export const registered = async (
  engine: Engine,
  extension: string,
  options: PhoneOptions = {},
): Promise<Phone.Phone> => {
  const made = await phone(engine, extension, options);
  await alone(made, extension);
  return made;
};

const alone = async (made: Phone.Phone, extension: string): Promise<void> => {
  const removal: Sip.Headers = [["Contact", "*"], ["Expires", "0"]];
  const removed = await made.request("REGISTER", `sip:${domain}`, { headers: removal });
  expect(removed.start, `REGISTER of ${extension} with Contact: *`).toBe("SIP/2.0 200 OK");
  const answer = await made.register();
  expect(answer.start, `REGISTER of ${extension}`).toBe("SIP/2.0 200 OK");
};

/** Binds an extension to an address where another peer is about to listen. */
export const bind = async (
  engine: Engine,
  extension: string,
  address: Sip.Address,
): Promise<void> => {
  const made = await registered(engine, extension, address);
  await made.close();
};

export interface Pair {
  readonly caller: Call;
  readonly callee: Call;
}

/** The caller dials, the callee rings and answers. */
export const connect = async (
  caller: Phone.Phone,
  callee: Phone.Phone,
  sdp: { readonly offer?: string; readonly answer?: string } = {},
): Promise<Pair> => {
  const sent = sdp.offer === undefined ? {} : { body: sdp.offer };
  const ring = async () => {
    const incoming = await callee.incoming();
    incoming.ring();
    return incoming;
  };
  const dialled = caller.dial(callee.options.extension, sent);
  const [dialling, incoming] = await Promise.all([dialled, ring()]);
  await dialling.response(180);
  const [there, here] = await Promise.all([incoming.answer(sdp.answer), dialling.answered()]);
  return { caller: here, callee: there };
};

/** One side hangs up, the other is told. */
export const hangUp = async (by: Call, other: Call): Promise<void> => {
  const [answer] = await Promise.all([by.bye(), other.ended()]);
  expect(answer.start).toBe("SIP/2.0 200 OK");
};

/** What must still work after whatever was sent before: a call between two users. */
export const goodCall = async (
  engine: Engine,
  [one, other]: readonly [string, string] = ["1001", "1002"],
): Promise<void> => {
  const caller = await registered(engine, one);
  const callee = await registered(engine, other);
  try {
    const pair = await connect(caller, callee);
    await hangUp(pair.caller, pair.callee);
    expect(engine.isAlive(), "the engine lives").toBe(true);
  } finally {
    await Promise.all([caller.register(0), callee.register(0)]);
    await Promise.all([caller.close(), callee.close()]);
  }
};
