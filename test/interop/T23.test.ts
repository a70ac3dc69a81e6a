/** T23: credentials that are none, and those that were used before. */
import { expect, test } from "vitest";
import * as Digest from "../support/Digest.ts";
import * as Directory from "../support/Directory.ts";
import * as Engine from "../support/Engine.ts";
import * as Hostile from "../support/Hostile.ts";
import * as Need from "../support/Need.ts";
import * as RawSip from "../support/RawSip.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";

const { domain } = Directory;
const uri = `sip:${domain}`;
const who = { username: "1005", secret: Directory.secretOf("1005") };

const broken: Readonly<Record<string, string>> = {
  "empty": "",
  "a scheme alone": "Digest",
  "Basic": "Basic MTAwNTpzZWNyZXQ=",
  "an unknown scheme": "Frobnicate a=b",
  "unbalanced quotes": 'Digest username="1005, realm="demo.test',
  "1,000 parameters": `Digest ${
    Array.from({ length: 1_000 }, (_, index) => `p${index}="v"`).join(", ")
  }`,
  "parameters without values": "Digest username, realm, nonce, uri, response",
  "every parameter twice": 'Digest username="1005", username="1006", realm="a", realm="b"',
  "a response of another length":
    'Digest username="1005", realm="demo.test", nonce="x", uri="sip:demo.test", response="00"',
  "64 KB of nonce": `Digest username="1005", realm="demo.test", nonce="${"n".repeat(64_000)}"`,
};

const register = (socket: RawSip.RawSip, authorization?: string) =>
  Hostile.ask(socket, {
    method: "REGISTER",
    uri,
    headers: {
      From: `<sip:1005@${domain}>;tag=1`,
      To: `<sip:1005@${domain}>`,
      ...(authorization === undefined ? {} : { Authorization: authorization }),
    },
  });

const challenge = async (socket: RawSip.RawSip) => {
  const answer = await register(socket);
  expect(answer.status).toBe(401);
  return Digest.parse(Sip.header(answer, "www-authenticate"), "Authorization");
};

const unreadable = (engine: () => Engine.Engine): void => {
  test.for(Object.keys(broken))("T23 %s", async (name) => {
    const socket = await RawSip.tcp({ remote: engine().sip });
    const { status } = await Hostile.send(engine(), "tcp", (one) =>
      Hostile.build(one, {
        method: "REGISTER",
        uri,
        headers: {
          From: `<sip:1005@${domain}>;tag=1`,
          To: `<sip:1005@${domain}>`,
          Authorization: broken[name] ?? "",
        },
      }).text);
    expect([undefined, 400, 401, 403, 413, 513]).toContain(status);
    await challenge(socket);
    await socket.close();
  });

  test("T23 no answer at all after a challenge is challenged again", async () => {
    const socket = await RawSip.udp({ remote: engine().sip });
    await challenge(socket);
    await challenge(socket);
    await socket.close();
  });
};

const reused = (engine: () => Engine.Engine): void => {
  test("T23 a nonce count is good once", async () => {
    const socket = await RawSip.udp({ remote: engine().sip });
    const given = await challenge(socket);
    const proof = (nc: number) =>
      register(socket, Digest.answer(given, who, { method: "REGISTER", uri, nc }));
    expect((await proof(1)).status).toBe(200);
    const replayed = await proof(1);
    expect(replayed.status).toBe(401);
    const again = Digest.parse(Sip.header(replayed, "www-authenticate"), "Authorization");
    expect(again.stale, "the secret is right, so the phone may try at once").toBe(true);
    expect((await proof(2)).status).toBe(200);
    expect((await proof(3)).status).toBe(200);
    expect((await proof(2)).status).toBe(401);
    await socket.close();
  });

  test("T23 a nonce that we never gave is refused, and is not called stale", async () => {
    const socket = await RawSip.udp({ remote: engine().sip });
    const given = await challenge(socket);
    for (const nonce of ["", "x", given.nonce.replace(/^./, "0")]) {
      const invented = { ...given, nonce };
      const answer = await register(
        socket,
        Digest.answer(invented, who, { method: "REGISTER", uri }),
      );
      if (nonce === given.nonce) continue;
      expect(answer.status, nonce).toBe(401);
      const next = Digest.parse(Sip.header(answer, "www-authenticate"), "Authorization");
      expect(next.stale, nonce).toBe(false);
    }
    await socket.close();
  });

  test("T23 an answer for another method, URI or user is refused", async () => {
    const socket = await RawSip.udp({ remote: engine().sip });
    const others: ReadonlyArray<(given: Digest.Challenge) => string> = [
      (given) => Digest.answer(given, who, { method: "INVITE", uri }),
      (given) => Digest.answer(given, { ...who, username: "1006" }, { method: "REGISTER", uri }),
      (given) => Digest.answer({ ...given, realm: "other" }, who, { method: "REGISTER", uri }),
    ];
    for (const make of others) {
      const answer = await register(socket, make(await challenge(socket)));
      expect(answer.status).toBe(401);
    }
    await socket.close();
  });
};

Need.suite("T23 Authorization", [], () => {
  const engine = Engine.forSuite(() => ({}));
  unreadable(engine);
  reused(engine);

  test("T23 a good call after them", () => Scene.goodCall(engine()));
});
